"""A dashboard without a browser: runs of several kinds, asked over ASGI."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dashboard_opened import Open
from starlette.testclient import TestClient

from optimerge.dashboard.app import make_app
from optimerge.dashboard.files import Files
from optimerge.dashboard.security import Guard
from optimerge.dashboard.source import Sources

sys.path.append(str(Path(__file__).parents[1] / "report"))
from dashboard_browser import Page, page
from dashboard_real import Served, space_of
from report_cases import made

from optimerge.cli.main import run as command


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


@pytest.fixture(scope="session")
def real(made_family: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was really searched and tested: 24 trials, 3 objectives; not to be written to."""
    folder = tmp_path_factory.mktemp("real") / "over night"
    words = ["search", str(space_of(made_family)), "--run-dir", str(folder), "--trials", "24"]
    assert command(words) == 0
    assert command(["test", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser, for all tests of a module."""
    with page("", tmp_path_factory.mktemp("chromium")) as made:
        yield made


@pytest.fixture
def browser(chromium: Page) -> Iterator[Page]:
    """The browser, of which a test must set `url`; at its end nothing was complained of or leaked."""
    chromium.complaints(), chromium.requests()
    chromium.scheme("light")
    yield chromium
    chromium.driver.get("about:blank")
    assert chromium.complaints() == []
    assert chromium.away() == []


@pytest.fixture
def shown(browser: Page, server: Served) -> Page:
    """The browser at the dashboard that the module's fixture `server` serves."""
    browser.url = server.url
    return browser
