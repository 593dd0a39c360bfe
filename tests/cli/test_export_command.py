"""`optimerge export`: what it says of the file it writes, and what it does not write over."""

from pathlib import Path

import pytest
from cli_runs import made_run

from optimerge.cli.main import run as command

OTHERS = ("objectives: [{task: arith}]\nexperts: {a: b}\n", "# notes of mine\n", "", "a: [\n")


def test_another_recipe_is_replaced_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    made_run(folder)
    file = folder / "recipe.yaml"
    assert command(["export", str(folder), "--trial", "0"]) == 0
    assert f"wrote {file}\nbuild it: optimerge build {file} OUT\n" in capsys.readouterr().out
    first = file.read_bytes()
    assert command(["export", str(folder), "--trial", "0"]) == 0
    assert f"wrote {file}\n" in capsys.readouterr().out
    assert file.read_bytes() == first
    assert command(["export", str(folder), "--trial", "1"]) == 0
    assert f"wrote {file}, in place of another recipe\n" in capsys.readouterr().out
    assert file.read_bytes() != first


@pytest.mark.parametrize(
    "content", [*OTHERS, "\udcff"], ids=["space", "notes", "empty", "broken", "bytes"]
)
def test_what_is_no_recipe_is_not_written_over(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = tmp_path / "mine", tmp_path / "mine.yaml"
    made_run(folder)
    file.write_bytes(before := content.encode(errors="surrogateescape"))
    assert command(["export", str(folder), "-o", str(file)]) == 2
    said = f"{file}: is there already, and no recipe; give another -o, or move it away"
    assert said in capsys.readouterr().err
    assert file.read_bytes() == before
