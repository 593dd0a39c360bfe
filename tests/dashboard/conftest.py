"""A dashboard without a browser: runs of several kinds, asked over ASGI."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from optimerge.dashboard.app import make_app
from optimerge.dashboard.files import Files
from optimerge.dashboard.security import Guard
from optimerge.dashboard.source import Sources

sys.path.append(str(Path(__file__).parents[1] / "report"))
from report_cases import made

Open = Callable[..., TestClient]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Open a dashboard on run folders."""
    clients, all_sources = [], []

    def do(*folders: Path, url: str = "", guard: Guard | None = None, **more: Any) -> TestClient:
        static = more.pop("static", None)
        files = Files(static) if static is not None else None
        sources = Sources(list(folders), url)
        all_sources.append(sources)
        app = make_app(sources, guard or Guard("127.0.0.1"), files)
        client = TestClient(app, base_url="http://127.0.0.1:8000", **more)
        clients.append(client)
        return client

    yield do
    for client in clients:
        client.close()
    for sources in all_sources:
        sources.close()


@pytest.fixture(scope="session")
def made_three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 30 trials in 3 objectives, of which 2 failed."""
    folder = tmp_path_factory.mktemp("three") / "mine"
    made(folder)
    return folder


@pytest.fixture
def three(made_three: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made_three, tmp_path / "mine"))
