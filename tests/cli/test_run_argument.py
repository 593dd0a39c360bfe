"""A file given for a run folder: the run of that name is offered, if it is there."""

from pathlib import Path

import pytest

from optimerge.cli.main import run

COMMANDS = [
    *(["front"], ["status"], ["show"], ["test"], ["export"], ["report"], ["stop"], ["dashboard"]),
    *(["evaluate", "model", "--run"], ["build", "recipe.yaml", "out", "--run"]),
    *(["search", "mine.yaml", "--run-dir"], ["soup", "mine.yaml", "--run-dir"]),
    ["demo", "--run-dir"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_of_a_file_the_run_of_its_name_is_offered(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("")
    assert run([*words, "mine.yaml"]) == 2
    assert "mine.yaml is a file; give a run folder" in capsys.readouterr().err
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "study.journal").touch()
    assert run([*words, "mine.yaml"]) == 2
    assert "mine.yaml is a file; did you mean runs/mine?" in capsys.readouterr().err
