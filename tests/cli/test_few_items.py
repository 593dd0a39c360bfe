"""A task with fewer documents than asked for: one note, or refusal with --strict."""

import re
from pathlib import Path

import pytest

from optimerge.cli.main import run

NOTE = "search_items 300 become 58 and test_items 10 become 1; lower them, or give --strict"


@pytest.fixture
def space(family: Path) -> Path:
    file = family / "space.yaml"
    file.write_text(file.read_text().replace("search_items: 30,", "search_items: 300,"))
    return file


def test_check_and_search_say_it_once_and_go_on(
    space: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(space)]) == 0
    out = capsys.readouterr().out
    assert out.count(NOTE) == 1
    assert "58 search items and 1 test items of 60" in out
    folder = tmp_path / "run"
    assert run(["search", str(space), "--run-dir", str(folder), "--trials", "4"]) == 0
    err = " ".join(capsys.readouterr().err.split())
    assert err.count("echo has fewer documents than asked for") == 1


def test_a_task_that_leaves_nothing_to_test_on_is_told_before_the_night(
    family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = family / "space.yaml"
    file.write_text(re.sub(r", (search|test)_items: \d+", "", file.read_text()))
    words = "on all 60 documents, so none is left for `optimerge test`; give search_items"
    assert run(["check", str(file)]) == 0
    assert capsys.readouterr().out.count(words) == 1
    assert run(["search", str(file), "--run-dir", str(tmp_path / "run"), "--trials", "4"]) == 0
    assert " ".join(capsys.readouterr().err.split()).count(words) == 1


@pytest.mark.parametrize("command", [["check"], ["search"], ["search", "--dry-run"]])
def test_strict_refuses(
    space: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    folder = ["--run-dir", str(tmp_path / "run")] if command[0] == "search" else []
    assert run([command[0], str(space), "--strict", *command[1:], *folder]) == 2
    err = capsys.readouterr().err
    assert "search_items 300 + test_items 10 are 310, but task 'echo' has 60 documents" in err
    assert not (tmp_path / "run" / "study.journal").exists()
