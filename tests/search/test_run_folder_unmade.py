"""A search that fails before its run is made leaves no folder that was not there before."""

import fcntl
from pathlib import Path

import pytest

from optimerge.errors import RunError
from optimerge.records.keys import JOURNAL, LOCK
from optimerge.search.lock import joined
from optimerge.search.run_folder import run_folder


def failed(folder: Path, *, log: bool = True) -> None:
    """Fail as a search does whose models are not there."""
    with pytest.raises(RunError, match="no such model"), run_folder(folder), joined(folder):
        if log:
            (folder / "log.txt").write_text("warned\n")
        (folder / "workers" / "0.txt").write_text("said\n")
        raise RunError("no such model")


def test_a_folder_that_was_made_goes_with_its_parents(tmp_path: Path) -> None:
    failed(tmp_path / "runs" / "m3")
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_before_stays(tmp_path: Path) -> None:
    failed(tmp_path)
    assert (tmp_path / LOCK).is_file()
    (tmp_path / "runs").mkdir()
    failed(tmp_path / "runs" / "m3", log=False)
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("name", [JOURNAL, "recipe.yaml", "workers/notes"])
def test_a_folder_that_holds_more_stays_whole(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "m3"
    with pytest.raises(KeyboardInterrupt), run_folder(folder), joined(folder):
        (folder / name).write_text("more")
        raise KeyboardInterrupt
    assert (folder / name).read_text() == "more"
    assert (folder / LOCK).is_file()
    assert (folder / "workers" / "0.lock").is_file()


def test_a_folder_that_another_works_in_stays(tmp_path: Path) -> None:
    folder = tmp_path / "m3"
    with pytest.raises(RunError, match="mine"), run_folder(folder):
        other = (folder / LOCK).open("a")
        fcntl.flock(other, fcntl.LOCK_SH)
        raise RunError("mine")
    assert (folder / LOCK).is_file()
    other.close()


def test_a_run_in_a_database_keeps_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "m3"
    with pytest.raises(RunError, match="later"), run_folder(folder) as made, joined(folder):
        made.holds_run = True
        raise RunError("later")
    assert (folder / LOCK).is_file()
