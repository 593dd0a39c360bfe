"""A run as it was at one moment: what all answers of one version are made from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from optimerge.front.front import Front, front_of
from optimerge.records.keys import ENDS, GOAL
from optimerge.records.run import Run
from optimerge.records.types import Direction, Trial
from optimerge.retest.study import open_tests

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Row:
    """A trial with its times, which are local and know their offset."""

    trial: Trial
    started: datetime | None
    ended: datetime | None


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A run's trials, read once."""

    version: int
    """Another one for each change, also over restarts of the server."""
    run: Run
    rows: tuple[Row, ...]
    """Parents first, then by number."""
    front: Front
    distributions: "Mapping[str, BaseDistribution]"
    """What each parameter may be, by its name."""

    @property
    def objectives(self) -> Mapping[str, Direction]:
        """What is optimised, by name."""
        return self.run.info.objectives

    @property
    def trials(self) -> list[Trial]:
        """All trials, in the order of `rows`."""
        return [row.trial for row in self.rows]


def look(run: Run, version: int) -> Snapshot:
    """Read a run's trials; RunError if they are none."""
    stored = run.stored()
    rows = tuple(_row(trial, frozen) for trial, frozen in stored)
    trials = [row.trial for row in rows]
    front = front_of(run, trials)
    kinds: dict[str, BaseDistribution] = {}
    for _, frozen in stored:
        kinds.update(frozen.distributions)
    return Snapshot(version, run, rows, front, kinds)


def signature(run: Run) -> tuple[Any, ...]:
    """Return what changes whenever an answer may: states of trials, and what studies keep.

    A worker's signs of life are not in it.
    """
    tests = open_tests(run)
    studies = [run.search, run.parents, *([tests] if tests is not None else [])]
    kept = {key: run.search.user_attrs.get(key) for key in ("reference", "scales", GOAL, ENDS)}
    states = tuple(
        tuple(trial.state.value for trial in study.get_trials(deepcopy=False)) for study in studies
    )
    return states, repr(kept), repr(tests.user_attrs) if tests is not None else ""


def known(value: float | None) -> float | None:
    """Return a number that JSON can hold; None for what is not finite."""
    return None if value is None or not math.isfinite(value) else float(value)


def _row(trial: Trial, frozen: "FrozenTrial") -> Row:
    return Row(trial, _local(frozen.datetime_start), _local(frozen.datetime_complete))


def _local(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone()
