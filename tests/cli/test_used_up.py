"""A search of a run that has all its trials: it is said before the models are loaded."""

from pathlib import Path

import pytest

from optimerge.cli.main import run
from optimerge.records.run import open_run


def test_a_run_with_all_its_trials_is_said_to_have_them_and_how_to_go_on(
    made_family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["search", str(made_family / "space.yaml"), "--run-dir", str(tmp_path / "run")]
    assert run([*words, "--trials", "5"]) == 0
    assert "note: the run has" not in capsys.readouterr().err
    assert run([*words, "--trials", "4"]) == 0
    told = capsys.readouterr()
    note, loading = told.err.splitlines()[:2]
    assert note == (
        "note: the run has 5 of the 4 trials asked for; --trials counts all of the run's: "
        "give --trials 9 for 4 more"
    )
    assert loading == "reading model headers ..."
    assert told.out.startswith("0 trials in ")
    assert open_run(tmp_path / "run").finished() == 5
