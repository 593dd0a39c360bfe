"""A run folder that may be read and not written: a search says so, everything else works."""

import errno
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from optimerge.cli.main import run
from optimerge.records.run import open_run
from optimerge.records.shared_journal import SharedJournal

Shut = Callable[[Path], None]


@pytest.fixture
def shut() -> Iterator[Shut]:
    """Take the right to write: by permissions, or, as these do not hold root back, by a mount."""
    mounted: list[Path] = []

    def do(path: Path) -> None:
        if os.geteuid():
            for each in [*path.rglob("*"), path]:
                each.chmod(0o555 if each.is_dir() else 0o444)
            return
        bound = ["mount", "--bind", str(path), str(path)]
        if subprocess.run(bound, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a file system, or not to be root")
        mounted.append(path)
        subprocess.run(["mount", "-o", "remount,ro,bind", str(path)], check=True)

    yield do
    for path in mounted:
        subprocess.run(["umount", str(path)], check=True)


def search(family: Path, folder: Path, trials: int) -> int:
    words = ["search", str(family / "space.yaml"), "--run-dir", str(folder)]
    return run([*words, "--trials", str(trials)])


CANNOT = r"cannot be written \((Read-only file system|Permission denied)"


def test_a_folder_without_the_right_to_write_is_named_before_models_are_loaded(
    made_family: Path, tmp_path: Path, shut: Shut, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    shut(folder)
    assert search(made_family, folder, 5) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(rf"Error: {folder}: {CANNOT}\); give another --run-dir\n", said)
    assert not list(folder.iterdir())


def test_a_run_that_may_only_be_read_is_read_and_not_changed(
    made_family: Path, tmp_path: Path, shut: Shut, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert search(made_family, folder, 6) == 0
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    shut(folder)
    capsys.readouterr()
    for words in (["status"], ["front"], ["show", "base"], ["export", "-o", "-"]):
        assert run([words[0], str(folder), *words[1:]]) == 0
    said = capsys.readouterr()
    assert "trials: 6 complete" in said.out
    assert said.err.startswith("trial ")  # `export -o -` says there why this one
    assert said.err.count("\n") == 1
    assert search(made_family, folder, 8) == 2
    assert re.search(CANNOT, capsys.readouterr().err)
    assert run(["stop", str(folder)]) == 2
    assert re.search(CANNOT + r"\); make it writable", capsys.readouterr().err)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_a_journal_that_belongs_to_somebody_else_is_named(
    made_family: Path, tmp_path: Path, shut: Shut, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "run" / "study.journal"
    journal.parent.mkdir()
    journal.touch()
    shut(journal)
    assert search(made_family, journal.parent, 5) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path}/run: cannot be written (Permission denied: study.journal)" in said


@pytest.mark.parametrize(("code", "writes"), [(errno.EROFS, 25), (errno.EIO, 40)])
def test_a_disk_that_turns_read_only_at_night_ends_the_search_in_one_sentence(
    made_family: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
    writes: int,
) -> None:
    """As Linux does after an error of the disk; what was told stays, the trial is repeated."""
    words = ["search", str(made_family / "space.yaml"), "--run-dir", str(tmp_path / "run")]
    append, left = SharedJournal.append_logs, [writes]

    def failing(self: Any, logs: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(code, os.strerror(code))
        append(self, logs)

    with monkeypatch.context() as patch:
        patch.setattr(SharedJournal, "append_logs", failing)
        assert run([*words, "--trials", "8"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"{tmp_path}/run: cannot be written ({os.strerror(code)}); make it writable" in last
    assert not list((tmp_path / "run").glob("**/*.draft"))
    done = open_run(tmp_path / "run").trials()
    assert run([*words, "--trials", "8"]) == 0
    after = open_run(tmp_path / "run").trials()
    ended = [t for t in done if t.state == "complete"]
    assert after[: len(ended)] == ended
    assert [t.state for t in after] == ["complete"] * 8
