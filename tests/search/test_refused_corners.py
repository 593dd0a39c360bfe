"""A method may refuse one end of its ranges: the search is there, and such a point a failed trial."""

from pathlib import Path

import pytest

from optimerge.cli.main import run
from optimerge.records.run import open_run


@pytest.fixture
def averaged(family: Path) -> Path:
    """A space of plain averages, whose weights may all be 0, which no average has."""
    file = family / "space.yaml"
    head, _, tail = file.read_text().partition("models:\n")
    weight = "parameters: {weight: {low: 0, high: 1, step: 1}}"
    models = "".join(f"  - {{model: {name}, {weight}}}\n" for name in ("base", "red", "blue"))
    rest = (
        tail[tail.index("objectives:") :]
        .replace("random", "qmc")
        .replace("trials: 8", "trials: 11")
    )
    file.write_text(f"{head.replace('dare_ties', 'linear')}models:\n{models}{rest}")
    return file


def test_it_is_searched_and_what_is_refused_is_a_failed_trial(
    averaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(averaged)]) == 0
    assert run(["search", str(averaged), "--run-dir", str(tmp_path / "run")]) == 0
    trials = open_run(tmp_path / "run").trials()
    failed = [t for t in trials if t.state == "failed"]
    assert [sum(t.params.values()) for t in failed] == [0.0]
    assert "the weights sum to 0, so normalize would divide by 0" in failed[0].error
    assert sum(t.state in {"complete", "pruned"} for t in trials) == 8


def test_what_is_refused_at_both_ends_is_no_space(
    averaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    averaged.write_text(averaged.read_text().replace("high: 1", "high: 0").replace(", step: 1", ""))
    assert run(["check", str(averaged)]) == 2
    assert "the weights sum to 0" in capsys.readouterr().err
