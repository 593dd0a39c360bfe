"""The loop: what is tried, what is recorded, what happens when things go wrong."""

from pathlib import Path
from typing import Any

import pytest
import torch

from optimerge.errors import RunError
from optimerge.objectives.evaluation import make_evaluation
from optimerge.objectives.protocol import Candidate
from optimerge.records.run import open_run
from optimerge.records.types import Score, Trial
from optimerge.search.budget import Stop
from optimerge.search.next_trial import begin_next
from optimerge.search.proposer import Proposer
from optimerge.search.samplers.registry import SAMPLERS, sampler_named
from optimerge.search.session import Session


def points(trials: list[Trial]) -> list[dict[str, Any]]:
    return [dict(t.params) for t in trials if not t.is_parent]


def test_parents_come_first_then_the_design_then_the_sampler(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    trials = searched(opened(made_family, tmp_path), 6)
    assert [t.origin for t in trials] == [
        "base",
        "expert:red",
        "expert:blue",
        "warm:average",
        "warm:dare_ties density 0.5",
        "sampler",
    ]
    assert trials[3].params == {
        "red.weight": 0.5,
        "red.density": 1.0,
        "blue.weight": 0.5,
        "blue.density": 1.0,
    }


def test_what_is_stored_is_what_was_scored(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    session = opened(made_family, tmp_path)
    told = searched(session, 7)
    stored = open_run(tmp_path).trials()
    assert stored == told
    for trial in stored:
        assert trial.state == "complete"
        assert list(trial.scores) == ["echo", "nonzero"]
        assert trial.scores["echo"].items == 30
        assert trial.stats is not None
        assert trial.scores["nonzero"].value == trial.stats.nonzero_share
        assert set(trial.seconds) >= {"merge", "score"}
        assert ("wait" in trial.seconds) == (not trial.is_parent)
        assert ("propose" in trial.seconds) == (trial.origin == "sampler")
        assert trial.elapsed < sum(trial.seconds.values())
        assert "merge_method" in trial.recipe


def test_parents_are_scored_as_given_and_known_to_the_sampler(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    session = opened(made_family, tmp_path)
    searched(session, 4)
    copies = {t.user_attrs["origin"]: t.params for t in session.run.search.trials[:3]}
    assert copies["base"]["red.weight"] == copies["base"]["blue.weight"] == 0.0
    assert copies["expert:red"]["red.weight"] == 1.0
    assert copies["expert:red"]["blue.weight"] == 0.0
    base = session.run.trials()[0]
    assert base.scores["nonzero"].value == 0.0


def test_a_space_without_the_parents_in_it_scores_them_beside(
    family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    file = family / "space.yaml"
    file.write_text(file.read_text().replace("{low: 0.0, high: 1.0}", "{low: 0.2, high: 0.8}"))
    session = opened(family, tmp_path)
    trials = searched(session, 5)
    assert [t.is_parent for t in trials] == [True, True, True, False, False]
    assert all("expert" not in str(t.user_attrs) for t in session.run.search.trials)


@pytest.mark.parametrize(
    "sampler",
    # The loop is the same for all, and that each repeats itself is a test of the samplers.
    [
        pytest.param(name, marks=() if name == "auto" else pytest.mark.slow)
        for name in sorted(SAMPLERS)
    ],
)
def test_a_stopped_search_goes_on_as_if_it_had_not_stopped(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any, sampler: str
) -> None:
    whole = searched(opened(made_family, tmp_path / "whole"), 15, sampler)
    first = searched(opened(made_family, tmp_path / "parts"), 15, sampler, stop_after=11)
    rest = searched(opened(made_family, tmp_path / "parts"), 15, sampler)
    assert len(first) == 11
    assert points(first + rest) == points(whole)
    assert len(open_run(tmp_path / "parts").trials()) == 15


def test_another_seed_proposes_other_points(
    family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    one = searched(opened(family, tmp_path / "one"), 7)
    file = family / "space.yaml"
    file.write_text(file.read_text().replace("seed: 0", "seed: 1"))
    other = searched(opened(family, tmp_path / "other"), 7)
    assert points(one)[1:] != points(other)[1:]


class Failing:
    """An objective that raises now and then."""

    name = "echo"
    direction = "maximize"

    def __init__(self, inner: Any, failing: set[int], error: Exception) -> None:
        self.inner, self.failing, self.error, self.calls = inner, failing, error, 0

    def score(self, candidate: Candidate) -> Score:
        self.calls += 1
        if self.calls in self.failing:
            raise self.error
        return self.inner.score(candidate)  # type: ignore[no-any-return]  # any objective


def with_failures(session: Session, failing: set[int], error: Exception) -> Session:
    from dataclasses import replace

    from optimerge.objectives.sparsity import SparsityScorer

    first = Failing(SparsityScorer("echo", "l1"), failing, error)
    return replace(session, evaluation=make_evaluation([first, session.evaluation.objectives[1]]))


@pytest.mark.parametrize(
    "error",
    [RuntimeError("a task helper broke"), torch.OutOfMemoryError("out of memory"), MemoryError()],
)
def test_a_candidate_that_fails_is_a_recorded_failed_trial(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any, error: Exception
) -> None:
    session = with_failures(opened(made_family, tmp_path), {5, 7}, error)
    trials = searched(session, 9)
    assert [t.state for t in trials].count("failed") == 2
    assert len(trials) == 9
    failed = [t for t in open_run(tmp_path).trials() if t.state == "failed"]
    assert len(failed) == 2
    for trial in failed:
        assert type(error).__name__ in trial.error
        assert trial.params
        assert trial.recipe
        assert not trial.scores


def test_ten_failures_in_a_row_end_the_run_with_the_reason(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    session = with_failures(opened(made_family, tmp_path), set(range(5, 40)), ValueError("broken"))
    with pytest.raises(RunError, match=r"10 trials in a row failed.*broken"):
        searched(session, 40)
    assert len(open_run(tmp_path).trials()) == 14


def test_no_parent_that_can_be_scored_ends_the_run(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    session = with_failures(opened(made_family, tmp_path), {1, 2, 3}, ValueError("broken"))
    with pytest.raises(RunError, match="neither the base nor an expert can be scored"):
        searched(session, 9)


def test_a_second_interrupt_puts_the_running_trial_back(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    wanted = searched(opened(made_family, tmp_path / "whole"), 9)
    session = opened(made_family, tmp_path / "cut")
    cut = with_failures(session, {6}, KeyboardInterrupt())  # type: ignore[arg-type]  # an interrupt
    with pytest.raises(KeyboardInterrupt):
        searched(cut, 9)
    assert open_run(tmp_path / "cut").finished() == 5
    searched(opened(made_family, tmp_path / "cut"), 9)
    trials = open_run(tmp_path / "cut").trials()
    assert [t.state for t in trials] == ["complete"] * 9
    assert points(trials) == points(wanted)


def test_a_trial_left_running_by_a_killed_search_is_repeated(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    wanted = searched(opened(made_family, tmp_path / "whole"), 9)
    session = opened(made_family, tmp_path / "cut")
    searched(session, 9, stop_after=6)
    asked = begin_next(session, Proposer(sampler_named("random")), Stop(), print)
    assert asked is not None  # and then killed
    searched(opened(made_family, tmp_path / "cut"), 9)
    trials = open_run(tmp_path / "cut").trials()
    assert [t.state for t in trials] == ["complete"] * 9
    assert points(trials) == points(wanted)


def test_the_reference_point_is_fixed_from_the_parents_once(
    made_family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    session = opened(made_family, tmp_path)
    searched(session, 4)
    first = open_run(tmp_path).reference
    assert first is not None
    assert first[1] == pytest.approx(1.1, abs=0.02)  # worst parent changes all, and a tenth more
    searched(opened(made_family, tmp_path), 8)
    assert open_run(tmp_path).reference == first
