"""A run in a database is searched, looked at, exported and stopped from machines without its files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import fsspec
import pytest

from optimerge.cli import searching
from optimerge.cli.main import cli
from optimerge.cli.main import run as run_command
from optimerge.records.keys import JOURNAL
from optimerge.records.run import open_run
from optimerge.records.stop_request import last_request

READ_A_RUN = ("status", "front", "show", "export", "stop", "search", "soup", "test")


@pytest.fixture
def memory() -> Iterator[Any]:
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


@pytest.mark.parametrize("name", READ_A_RUN)
def test_every_command_that_reads_a_run_takes_its_storage(name: str) -> None:
    command = cli.commands[name]
    options = {word for p in command.params if isinstance(p, click.Option) for word in p.opts}
    assert "--storage" in options
    assert ("--artifacts" in options) is (name in ("search", "soup", "show", "test"))


@pytest.mark.slow
def test_one_machine_searches_in_a_database_and_others_see_all_of_it(
    made_family: Path,
    tmp_path: Path,
    memory: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    here, there = tmp_path / "here" / "mine", tmp_path / "there" / "mine"
    here.parent.mkdir()

    def said(*words: str | Path, code: int = 0) -> str:
        assert run_command([str(word) for word in words]) == code
        found = capsys.readouterr()
        return found.out + found.err

    store = ("--storage", url, "--artifacts", "memory://all")
    words = ("search", made_family / "space.yaml", "--trials", "5", "--run-dir", here, *store)
    text = said(*words)
    assert "SQLite" not in text
    assert not (here / JOURNAL).exists()
    assert not list(here.glob("evidence/*.npz"))
    assert len(memory.glob("/all/mine-*/*.npz")) == 5
    assert not there.exists()
    assert "5 complete" in said("status", there, "--storage", url)
    assert "Pareto front of run mine" in said("front", there, "--storage", url)
    shown = said("show", there, "3", "--storage", url, "--items", "echo")
    assert shown.count("\n") > 20
    assert "document\t" in shown
    assert "merge_method" in said("export", there, "--storage", url, "-o", "-")
    assert "wrote" in said("export", there, "--storage", url)
    assert (there / "recipe.yaml").exists()
    assert "no search is at work in it" in said("stop", there, "--storage", url)
    assert last_request(open_run(there, url)) is not None
    assert "greedy soup" in said(
        "soup", made_family / "space.yaml", "--run-dir", there, "--storage", url
    )
    monkeypatch.setenv("OPTIMERGE_STORAGE", url)
    assert "5 complete" in said("status", tmp_path / "elsewhere" / "mine")
    memory.store.clear()
    missing = said("show", here, "3", "--items", "echo", code=2)
    assert "the evidence of trial 3, memory://all/mine-" in missing
    assert "is not there; look on the machine that scored it" in missing


def test_several_workers_on_sqlite_are_warned(
    made_family: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(searching, "run_workers", lambda *given: None)
    words = ["search", str(made_family / "space.yaml"), "--run-dir", str(tmp_path / "mine")]
    words += ["--device", "cpu", "--storage", f"sqlite:///{tmp_path}/runs.db"]
    assert run_command([*words, "--workers", "2"]) == 0
    assert "SQLite is for one worker, with several it may lose trials" in capsys.readouterr().err
    searching._warn_of_sqlite(tmp_path, "sqlite:///x", 0)
    searching._warn_of_sqlite(tmp_path, "postgresql://x/y", 1)
    assert capsys.readouterr().err == ""
