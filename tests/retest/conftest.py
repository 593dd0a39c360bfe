"""Small runs to retest: a search of the tiny family, made once a session and copied."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from retesting import Seen, retested

from optimerge.cli.main import run as command
from optimerge.records.run import Run, open_run
from optimerge.retest.plan import Wanted

LOSS = "  - {task: echo, name: loss, metric: log_loss, search_items: 30, test_items: 10}"
SIZE = "  - {sparsity: nonzero, at_least: 0.5}"
"""More objectives; and the base, which would dominate all, is not feasible: so there are merges on
the front."""


@pytest.fixture(scope="session")
def made_run(made_family: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Search the tiny family for eight trials."""
    folder, space = tmp_path_factory.mktemp("made") / "mine", made_family / "retest.yaml"
    text = (made_family / "space.yaml").read_text()
    space.write_text(text.replace("  - sparsity: nonzero", f"{LOSS}\n{SIZE}"))
    assert command(["search", str(space), "--run-dir", str(folder)]) == 0
    return folder


@pytest.fixture
def folder(made_run: Path, tmp_path: Path) -> Path:
    """Give the test its own copy of the run."""
    return Path(shutil.copytree(made_run, tmp_path / "mine"))


@pytest.fixture
def run(folder: Path) -> Run:
    """The run, opened for reading."""
    return open_run(folder)


@pytest.fixture(scope="session")
def tested(made_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Seen]:
    """The run, wholly tested with two mask seeds; not to be written to."""
    folder = Path(shutil.copytree(made_run, tmp_path_factory.mktemp("tested") / "mine"))
    seen = Seen()
    retested(folder, Wanted(masks=2), seen)
    return folder, seen


@pytest.fixture
def with_report(made_family: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write the family's space with a `report:` block into a file beside it."""
    written: list[Path] = []

    def write(block: list[Any], name: str = "reported.yaml") -> Path:
        file = made_family / f"{tmp_path.name}-{name}"
        text = (made_family / "retest.yaml").read_text()
        file.write_text(f"{text}report: {json.dumps(block)}\n")
        written.append(file)
        return file

    return write


@pytest.fixture(autouse=True)
def _tidy(made_family: Path) -> Iterator[None]:
    yield
    for file in made_family.glob("*-reported*.yaml"):
        file.unlink()
