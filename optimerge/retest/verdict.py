"""What a retest proves: every model with its scores, gaps and probabilities; made from `Results`.

Plain data, in the values that people read; `as_json`, `as_markdown` and `cli.verdict` show it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import stdev

import numpy as np

from optimerge.errors import OptimergeError
from optimerge.front.paired import DRAWS
from optimerge.records.types import Direction, Score
from optimerge.retest.beats import Comparison, Estimate, Rivals, compare
from optimerge.retest.flips import FLIPS
from optimerge.retest.gaps import Flattery, flattery, gaps
from optimerge.retest.sample import Sample, make_sample
from optimerge.retest.tested import Kind, Masks, Results, Tested
from optimerge.retest.volumes import volume


@dataclass(frozen=True)
class Spread:
    """Test scores of one merge under several seeds of its random masks."""

    seeds: int
    """The merge's own counted."""
    low: float
    high: float
    deviation: float | None
    """Standard deviation over the seeds; None of fewer than two."""


@dataclass(frozen=True)
class Line:
    """One model."""

    name: str
    kind: Kind
    about: str
    error: str
    """Why it has no test scores; "" if it has."""
    search: Mapping[str, Score]
    test: Mapping[str, Score]
    gap: Mapping[str, Estimate]
    """Search minus test, by objective that has both."""
    was_on_front: bool
    """On the search items: a merge or a parent that no other of them dominates."""
    on_front: bool | None
    """On the test items, among all models tested but the ensemble; None: not scored on all."""
    dominated_by: tuple[str, ...]
    """On the test items."""
    front_search: float | None
    """The probability that it is on the true front, from the search items."""
    front_test: float | None
    """Likewise from the test items."""
    masks: Mapping[str, Spread] = field(default_factory=dict)
    """By objective, where its masks were drawn again."""


@dataclass(frozen=True)
class Verdict:
    """All that a retest says."""

    objectives: Mapping[str, Direction]
    reported: Mapping[str, Direction]
    """Measured on test items only."""
    tasks: tuple[str, ...]
    """The objectives that the mean is over."""
    lines: tuple[Line, ...]
    """Merges in the front's order, parents, baselines, the ensemble."""
    test: tuple[Comparison, ...]
    """Every merge against parents and baselines on the test items: what counts."""
    search: tuple[Comparison, ...]
    """The same on the search items, where merges were chosen: for comparison only."""
    volumes: Mapping[str, Estimate]
    """Hypervolumes: `search` and `test` of merges and parents; `without`: on the test items, of
    parents and baselines, what there is without a search."""
    flattery: Flattery | None
    looks: int
    """How often the test items were looked at."""
    skipped: Mapping[str, str]
    """Baselines that were not tested, and why."""
    draws: int
    """Of the bootstrap."""
    flips: int
    """Of the tests."""

    @property
    def stays(self) -> tuple[str, ...]:
        """The models that are on the front on search and on test items."""
        return tuple(x.name for x in self.lines if x.was_on_front and x.on_front)

    @property
    def falls(self) -> tuple[str, ...]:
        """The models that are on the front on the search items, and dominated on the test's."""
        return tuple(x.name for x in self.lines if x.was_on_front and x.on_front is False)

    @property
    def joins(self) -> tuple[str, ...]:
        """The models that were not on the front, and are on the test items."""
        return tuple(x.name for x in self.lines if not x.was_on_front and x.on_front)

    def of(self, model: str, against: Rivals, task: str | None = None) -> Comparison | None:
        """Return a merge's comparison on the test items; None if there is none."""
        return next(
            (c for c in self.test if (c.model, c.against, c.task) == (model, against, task)), None
        )


def make_verdict(
    results: Results, draws: int = DRAWS, flips: int = FLIPS, seed: int = 0
) -> Verdict:
    """Return what the results prove; the same results and seed give the same.

    Raises:
        OptimergeError: If no model was scored.
        ValueError: If a score is not the mean over its documents.

    Complexity: a few seconds for thirty models with a thousand documents a task.
    """
    if not any(each.test for each in results.tested):
        failed = next((f"{e.name}: {e.error}" for e in results.tested if e.error), "")
        raise OptimergeError(
            f"no model was scored on the test items{f' ({failed})' if failed else ''}; "
            "run `optimerge test` again"
        )
    search = make_sample(results, "search", draws, seed)
    test = make_sample(results, "test", draws, seed)
    then, now = search.whole("merge", "parent"), test.whole("merge", "parent", "baseline")
    before, after = _dominators(search, then), _dominators(test, now)
    shares = [search.front_shares(then), test.front_shares(now)]
    return Verdict(
        objectives=dict(results.objectives),
        reported=dict(results.reported),
        tasks=test.tasks,
        lines=tuple(
            _line(each, place, before, after, shares) for place, each in enumerate(results.tested)
        ),
        test=tuple(_compared(test, results.reported, flips)),
        search=tuple(_compared(search, {}, flips)),
        volumes=_volumes(results, search, test),
        flattery=flattery(search, test),
        looks=results.looks,
        skipped=dict(results.skipped),
        draws=draws,
        flips=flips,
    )


def _dominators(sample: Sample, places: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return for each of the models which others dominate it."""
    losses = sample.losses
    return {
        one: tuple(
            sample.names[other]
            for other in places
            if (losses[other] <= losses[one]).all() and (losses[other] < losses[one]).any()
        )
        for one in places
    }


def _compared(sample: Sample, reported: Mapping[str, Direction], flips: int) -> list[Comparison]:
    """Return all comparisons: of each kind of rival two families, the searched and the reported."""
    searched: list[str | None] = [name for name in sample.compared if name not in reported]
    if len(sample.tasks) > 1:
        searched.append(None)
    only: list[str | None] = [name for name in sample.compared if name in reported]
    sides: tuple[Rivals, Rivals] = ("parents", "baselines")
    found = [
        each
        for against in sides
        for tasks in (searched, only)
        for each in compare(sample, against, tasks, flips)
    ]
    if len(sample.tasks) == 1:  # which is the mean as well
        found += [replace(each, task=None) for each in found if each.task == sample.tasks[0]]
    return found


def _volumes(results: Results, search: Sample, test: Sample) -> dict[str, Estimate]:
    asked = {
        "search": (search, search.of_kind("merge", "parent")),
        "test": (test, test.of_kind("merge", "parent")),
        "without": (test, test.of_kind("parent", "baseline")),
    }
    found = {
        name: volume(sample, models, results.reference, results.scales)
        for name, (sample, models) in asked.items()
        if models
    }
    return {name: each for name, each in found.items() if each is not None}


def _line(
    tested: Tested,
    place: int,
    before: Mapping[int, tuple[str, ...]],
    after: Mapping[int, tuple[str, ...]],
    shares: Sequence[Mapping[int, float]],
) -> Line:
    return Line(
        name=tested.name,
        kind=tested.kind,
        about=tested.about,
        error=tested.error,
        search=tested.search,
        test=tested.test,
        gap=gaps(tested.search, tested.test),
        was_on_front=place in before and not before[place],
        on_front=not after[place] if place in after else None,
        dominated_by=after.get(place, ()),
        front_search=shares[0].get(place),
        front_test=shares[1].get(place),
        masks=_spreads(tested.test, tested.masks),
    )


def _spreads(own: Mapping[str, Score], masks: Sequence[Masks]) -> dict[str, Spread]:
    found = {}
    for name, score in own.items():
        values = [score.value, *(m.test[name].value for m in masks if name in m.test)]
        values = [value for value in values if np.isfinite(value)]
        if masks and len(values) > 1:
            found[name] = Spread(len(values), min(values), max(values), stdev(values))
    return found
