"""`optimerge build` that is stopped, fills the disk, or is started twice: what the person reads."""

import errno
import os
import re
from pathlib import Path

import pytest

from optimerge.checkpoint.journal import open_journal
from optimerge.checkpoint.write import CheckpointWriter
from optimerge.cli.main import run

RECIPE = """\
merge_method: ties
base_model: base
models:
- {model: red, parameters: {weight: 0.5, density: 0.4}}
- {model: blue, parameters: {weight: 0.3, density: 0.6}}
dtype: float32
"""


@pytest.fixture
def recipe(family: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(os, "fsync", lambda file: None)
    (family / "recipe.yaml").write_text(RECIPE)
    return family / "recipe.yaml"


def built(recipe: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = run(["build", str(recipe), str(out), "--device", "cpu"])
    read = capsys.readouterr()
    return code, read.out, read.err


def fail_at(monkeypatch: pytest.MonkeyPatch, calls: int, error: BaseException) -> None:
    """Let `calls` tensors be added, then fail."""
    add, left = CheckpointWriter.add, [calls]

    def counted(self: CheckpointWriter, *args: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            with self.disk():
                raise error
        add(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(CheckpointWriter, "add", counted)


def test_ctrl_c_and_again(
    recipe: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        fail_at(patch, 7, KeyboardInterrupt())
        code, _, said = built(recipe, out, capsys)
    assert code == 130
    assert said.strip() == "stopped; the same command goes on where this one was"
    code, wrote, said = built(recipe, out, capsys)
    assert code == 0
    assert re.fullmatch(r"note: 7 of \d+ tensors are there from an earlier run, .*\n", said)
    assert wrote.startswith(f"wrote {out}: ")


def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(
    recipe: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        fail_at(patch, 7, OSError(errno.ENOSPC, "No space left on device"))
        code, wrote, said = built(recipe, out, capsys)
    assert (code, wrote) == (2, "")
    assert re.fullmatch(rf"Error: the disk of '{out}' is full: .*goes on from what .*\n", said)
    code, _, said = built(recipe, out, capsys)
    assert code == 0
    assert said.startswith("note: 7 of ")


def test_a_second_build_to_one_place_is_refused(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    first = open_journal(tmp_path / ".out.partial", out)
    code, _, said = built(recipe, out, capsys)
    assert code == 2
    assert said == (
        f"Error: '{out}' is being written by another process; wait for it, or name another folder\n"
    )
    first.close(remove=False)
    assert built(recipe, out, capsys)[0] == 0


def test_another_recipe_to_the_same_place_starts_anew_with_a_word(
    recipe: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        fail_at(patch, 7, KeyboardInterrupt())
        built(recipe, out, capsys)
    recipe.write_text(RECIPE.replace("0.6", "0.7"))
    code, _, said = built(recipe, out, capsys)
    assert code == 0
    assert said == (
        f"note: an unfinished build in '{tmp_path / '.out.partial'}' differs from this one in its "
        "recipe; it is removed, and all is built anew\n"
    )
