"""Scores that are no numbers, memory that is not there, a wall clock that goes backwards."""

import datetime as dates
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import optuna
import pytest
import torch
from fake_search import TELLTALE, Fake, Journal, Watcher, open_fake, told

from optimerge.records.types import MergeStats
from optimerge.search.budget import Stop, make_budget
from optimerge.search.study import search

TRIALS = 16


class Instead(Fake):
    """What cannot be scored comes to something else instead."""

    def __init__(self, instead: Callable[[], Any]) -> None:
        super().__init__()
        self._instead = instead

    def score(self, candidate: Any, race: Any = None) -> Any:
        try:
            return super().score(candidate, race)
        except ValueError:
            self._instead()
            raise


class NoNumber(Fake):
    """What cannot be scored has a score that is no number."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self._value = value

    def score(self, candidate: Any, race: Any = None) -> Any:
        try:
            return super().score(candidate, race)
        except ValueError:
            known = dict(self._plain.scores)
            known["u"] = replace(known["u"], value=self._value)
            return replace(self._plain, scores=known)

    def apply(self, recipe: Any) -> MergeStats:
        if not hasattr(self, "_plain"):
            super().apply(recipe)
            self._plain = super().score(None)
        return super().apply(recipe)


def searched(fake: Fake, journal: Journal | None = None) -> list[Any]:
    session, stop = open_fake(journal or Journal(), fake), Stop()
    search(session, make_budget(TRIALS, None), TELLTALE[False], stop, Watcher(stop, None))
    assert session.run.finished() == TRIALS
    return told(session.run)


def but_for_errors(trials: list[Any]) -> list[Any]:
    return [(*t[:4], *t[5:]) for t in trials]


def errors(trials: list[Any]) -> set[str]:
    return {t[4] for t in trials if t[1] == "failed"}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_a_failed_trial_with_the_reason(value: float) -> None:
    found = searched(NoNumber(value))
    assert errors(found) == {f"objective 'u': its score is {value}, which is no number to compare"}
    assert but_for_errors(found) == but_for_errors(searched(Fake()))


@pytest.mark.parametrize(
    ("instead", "reason"),
    [
        (lambda: torch.empty(1 << 55, dtype=torch.uint8), "RuntimeError: "),
        (lambda: bytearray(1 << 55), "MemoryError: no message"),
    ],
)
def test_memory_that_is_really_not_there_costs_one_trial(
    instead: Callable[[], Any], reason: str
) -> None:
    """No injected error: more is asked for than any machine has."""
    found = searched(Instead(instead))
    [error] = errors(found)
    assert error.startswith(reason)
    assert reason != "RuntimeError: " or "allocate memory" in error
    assert but_for_errors(found) == but_for_errors(searched(Fake()))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_memory_that_a_device_does_not_have_costs_one_trial() -> None:
    def fill() -> None:
        held = [torch.empty(1 << 30, dtype=torch.uint8, device="cuda") for _ in range(10_000)]
        raise AssertionError(len(held))

    found = searched(Instead(fill))
    [error] = errors(found)
    assert error.startswith("OutOfMemoryError: ")
    assert but_for_errors(found) == but_for_errors(searched(Fake()))
    free, whole = torch.cuda.mem_get_info()
    assert free > whole // 2  # what the failed candidate took is given back


class Backwards(dates.datetime):
    """The wall clock, put back by an hour whenever somebody looks."""

    looks = 0

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        cls.looks += 1
        return dates.datetime(2026, 7, 1, tzinfo=tz) - dates.timedelta(hours=cls.looks)


def test_a_clock_that_goes_backwards_all_the_time_changes_no_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted, journal = searched(Fake()), Journal()
    from optuna.storages.journal import _storage as storage

    from optimerge.cli.status import describe

    with monkeypatch.context() as patch:
        patch.setattr(storage, "datetime", Backwards)
        assert searched(Fake(), journal) == wanted
    run = open_fake(journal, Fake()).run
    ended = [t for t in run.search.get_trials() if t.state is optuna.trial.TrialState.COMPLETE]
    assert any(t.duration and t.duration.total_seconds() < 0 for t in ended)
    assert Backwards.looks > 2 * TRIALS
    lines = describe(run)
    assert any(line.startswith("trials: ") for line in lines)
    assert not any(" -" in line for line in lines)
