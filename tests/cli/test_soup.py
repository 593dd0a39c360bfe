"""`optimerge soup`, as a user sees it."""

from pathlib import Path

import pytest

from optimerge.cli.main import run
from optimerge.recipe.read import read_recipe


def test_it_prints_each_step_and_writes_a_recipe_with_evidence_that_builds(
    made_family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space, folder = str(made_family / "space.yaml"), tmp_path / "run"
    assert run(["soup", space, "--run-dir", str(folder)]) == 0
    first = capsys.readouterr().out
    lines = first.splitlines()
    assert lines[0] == "greedy soup of 2 experts, by the mean search score of echo"
    assert lines[2].endswith("starts the soup")
    assert lines[3].startswith("+ ")
    text = (folder / "soup.yaml").read_text()
    assert "greedy soup of" in text
    assert "30 items" in text
    assert read_recipe(folder / "soup.yaml").merge_method in ("linear", "passthrough")
    assert run(["build", str(folder / "soup.yaml"), str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "model.safetensors").exists()
    capsys.readouterr()
    assert run(["soup", space, "--run-dir", str(folder), "-o", str(tmp_path / "again.yaml")]) == 0
    assert (tmp_path / "again.yaml").read_text() == text
    shown = capsys.readouterr().out
    assert shown.replace(str(tmp_path / "again.yaml"), str(folder / "soup.yaml")) == first


def test_it_scores_as_the_run_does_that_it_finds(made_family: Path, tmp_path: Path) -> None:
    space = str(made_family / "space.yaml")
    started = ["search", space, "--run-dir", str(tmp_path), "--trials", "4", "--seed", "5"]
    assert run([*started, "--exact"]) == 0
    assert run(["soup", space, "--run-dir", str(tmp_path)]) == 0
    block = read_recipe(tmp_path / "soup.yaml").block
    assert (block.mode, block.seed) == ("exact", 5)
