"""Curves and reports: what a user would get, losses as plainly as wins, gaps said."""

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import report as reports
from benchmarks.quality.curves import curve_of, curves_of, units_of, users_history
from benchmarks.quality.records import Kept, append, kept_runs
from benchmarks.quality.results import Results, results
from optimerge.errors import RunError
from optimerge.front.hypervolume import hypervolume

PARENT = {"values": [0.5, 0.2], "stderr": [0.02, 0.0], "test": [0.5, 0.2]}
OTHER = {"values": [0.3, 0.1], "stderr": [0.02, 0.0], "test": [0.3, 0.1]}


def run_of(label: str, seed: int, values: list[list[float]], failure: str = "") -> Kept:
    """A run on two objectives, up and down, whose test values are a tenth worse than seen."""
    rows = [list(row) for row in values]
    return Kept(
        "A6",
        label,
        seed,
        len(rows),
        {"score": "maximize", "size": "minimize"},
        {"base": OTHER, "expert:a": PARENT},
        ["w"],
        [[0.1 * n] for n in range(len(rows))],
        rows,  # type: ignore[arg-type]
        [[0.02, 0.0] for _ in rows],
        [[score - 0.1, size] for score, size in rows],
        ["sampler"] * len(rows),
        [0.01] * len(rows),
        failure,
    )


def climbing(best: float, seed: int, merges: int = 30) -> list[list[float]]:
    stream = np.random.default_rng(seed)
    return [[best * (1 - 0.5**n) + 0.01 * float(stream.normal()), 0.15] for n in range(merges)]


def fill(folder: Path, best: dict[str, float], seeds: int = 8) -> Results:
    for label, end in best.items():
        for seed in range(seeds):
            append(folder, run_of(label, seed, climbing(end, seed)))
    return results(folder)


def test_the_front_is_chosen_by_what_was_seen_and_measured_by_test_values() -> None:
    # The second point looks better than the first and is worse: the user gets the second.
    search = np.array([[-0.5, 0.5], [-0.8, 0.5], [-0.9, 0.4]])
    test = np.array([[-0.5, 0.5], [-0.7, 0.5], [-0.2, 0.4]])
    corner = np.array([0.0, 1.0])
    found = users_history(search, test, corner, 1)
    assert found == pytest.approx([0.25, 0.35, 0.2 * 0.6])


def test_curves_begin_with_the_parents_alone() -> None:
    run = run_of("x", 0, [[0.9, 0.1], [0.95, 0.3]])
    curve = curve_of(run)
    assert len(curve.search) == len(curve.test) == 3
    parents = [[-0.3, 0.1], [-0.5, 0.2]]
    corner = [-0.3 + 0.02, 0.2 + 0.01]
    assert curve.search[0] == pytest.approx(hypervolume(parents, corner))
    assert curve.search[1] == pytest.approx(hypervolume([*parents, [-0.9, 0.1]], corner))
    assert curve.test[1] == pytest.approx(hypervolume([*parents, [-0.8, 0.1]], corner))


def test_a_failed_merge_counts_and_adds_nothing() -> None:
    run = run_of("x", 0, [[0.9, 0.1]] * 2)
    run.values[0] = run.test[0] = None
    curve = curve_of(run)
    assert curve.search[1] == curve.search[0] < curve.search[2]


def test_curves_are_kept_and_follow_the_runs(tmp_path: Path) -> None:
    append(tmp_path, run_of("x", 0, [[0.9, 0.1]]))
    first = curves_of(tmp_path, kept_runs(tmp_path))
    assert curves_of(tmp_path, kept_runs(tmp_path)) == first
    assert (tmp_path / "curves.jsonl").read_text().count("\n") == 1
    append(tmp_path, run_of("x", 0, [[0.9, 0.1], [0.99, 0.1]]))
    again = curves_of(tmp_path, kept_runs(tmp_path))
    assert [len(c.test) for c in again.values()] == [3]


def test_gains_are_shares_of_what_all_runs_together_found(tmp_path: Path) -> None:
    found = fill(tmp_path, {"a": 0.9, "b": 0.6})
    own = found.gains("a", 0, "test")
    assert set(own.values()) == {0.0}
    ends = {label: list(found.gains(label, 30, "test").values()) for label in "ab"}
    assert 0.5 < np.mean(ends["a"]) <= 1.0
    assert np.mean(ends["b"]) < np.mean(ends["a"])
    _, unit = units_of("A6", list(found.runs.values()), list(found.curves.values()))
    assert unit.gain(unit.best) == 1.0
    assert found.gains("a", 31, "test") == {}


def test_a_champion_that_loses_is_said_to_lose(tmp_path: Path) -> None:
    found = fill(tmp_path, {"auto@shared": 0.7, "random@native": 0.9, "optuna_tpe@native": 0.5})
    text = reports.report(found, "auto@shared", "random@native", (10, 30))
    losses = text.split("## Losses")[1].split("## Gain")[0]
    assert "- A6, 30 merges: random@native, -0." in losses
    assert "optuna_tpe" not in losses
    assert "default zoo after 30 merges: MISSED against random@native" in text
    assert "reaches random@native after 30 within 12 merges: MISSED, median inf" in text
    assert "| random@native (best peer) |" in text
    behind = next(x for x in text.splitlines() if x.startswith("| A6 | 1 | 0 | 1 |"))
    assert behind


def test_a_champion_that_wins_meets_its_goals(tmp_path: Path) -> None:
    best = {"auto@shared": 0.95, "mmmo@shared": 0.8, "mmmo_as_released@native": 0.6}
    text = reports.report(fill(tmp_path, best), "auto@shared", "mmmo_as_released@native", (10, 30))
    goals = text.split("## Goals")[1].split("## Losses")[0]
    assert "default zoo after 30 merges: met" in goals
    assert "within 12 merges: met" in goals
    assert "mmmo@shared ahead of mmmo_as_released@native after 30 merges: met" in goals
    assert "hard zoo after 30 merges: not measured" in goals
    assert "None: no interval lies below 0." in text


def test_variants_of_our_own_are_no_peers_to_be_ahead_of(tmp_path: Path) -> None:
    found = fill(tmp_path, {"auto@shared": 0.8, "mmmo@shared": 0.95, "random@native": 0.5})
    text = reports.report(found, "auto@shared", "random@native", (10, 30))
    assert "default zoo after 30 merges: met" in text
    assert "| mmmo@shared | -" in text  # but the table has it


def test_failed_runs_are_listed_and_left_out(tmp_path: Path) -> None:
    append(tmp_path, run_of("a", 0, climbing(0.9, 0)[:3], failure="proposal 3: ValueError: no"))
    found = fill(tmp_path, {"b": 0.9}, seeds=2)
    text = reports.report(found, "b", "b", (10, 30))
    assert "Not measured: b and a peer have no runs" in text
    assert "no interval lies below 0" not in text
    assert "1 runs failed and are left out" in text
    assert "- A6, a, seed 0: proposal 3: ValueError: no" in text
    assert found.gains("a", 1, "test") == {}


def test_evaluations_to_reach_count_from_the_first_merge(tmp_path: Path) -> None:
    for seed in range(3):
        append(tmp_path, run_of("target", seed, [[0.5, 0.2]] * 29 + [[0.9, 0.15]]))
        append(tmp_path, run_of("fast", seed, [[0.5, 0.2], [0.95, 0.1]]))
        append(tmp_path, run_of("slow", seed, [[0.5, 0.2]] * 3))
    found = results(tmp_path)
    assert found.reached("fast", "target", 30) == {"A6": [2.0] * 3}
    assert found.reached("slow", "target", 30) == {"A6": [math.inf] * 3}
    assert "| slow | > 3 | 0% | > 3 |" in reports.reach_table(found, "target")


def test_a_folder_without_runs_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no runs are kept there"):
        results(tmp_path)
