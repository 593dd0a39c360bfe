"""How much the search items flattered what was chosen on them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimerge.records.types import Score
from optimerge.retest.beats import Estimate
from optimerge.retest.sample import Sample

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Flattery:
    """The gap between search and test scores, on the mean of the tasks."""

    gap: Estimate
    """Mean over the merges of search minus test: what was lost."""
    parents: Estimate | None
    """The same over the parents, which nobody chose by their scores: how much easier the search
    items are."""
    excess: Estimate | None
    """What merges lost beyond the parents: the search's own flattery."""

    @property
    def flattered(self) -> bool:
        """Whether that is beyond chance; without parents, whether the gap itself is."""
        low = (self.excess or self.gap).low
        return low is not None and low > 0


def gaps(search: Mapping[str, Score], test: Mapping[str, Score]) -> dict[str, Estimate]:
    """Return search minus test for each objective that has both: positive where less was found.

    The item sets are independent, so the variances add. What is exact has an error of 0; an unknown
    error on either side leaves the gap's unknown. Of what is minimised the sign is as the scores
    are: positive, where the search said a higher value.
    """
    found = {}
    for name, there in test.items():
        if name not in search:
            continue
        here = search[name]
        errors = [0.0 if not s.items and s.stderr is None else s.stderr for s in (here, there)]
        error = None if None in errors else math.hypot(*(e for e in errors if e is not None))
        found[name] = estimate(here.value - there.value, error)
    return found


def estimate(value: float, error: float | None) -> Estimate:
    """Return a value with the normal interval that its standard error makes."""
    if error is None:
        return Estimate(value)
    return Estimate(value, error, value - 1.96 * error, value + 1.96 * error)


def flattery(search: Sample, test: Sample) -> Flattery | None:
    """Return how much the merges were flattered; None if there is no task that both have.

    Errors are those of the paired bootstrap over the documents of both sets.
    """
    if not search.tasks or search.tasks != test.tasks:
        return None
    lost = test.mean(None) - search.mean(None)
    drawn = test.drawn_mean(None) - search.drawn_mean(None)
    merges = [m for m in test.of_kind("merge") if not np.isnan(lost[m])]
    parents = [m for m in test.of_kind("parent") if not np.isnan(lost[m])]
    if not merges:
        return None
    known = not set(search.tasks) & (search.unknown | test.unknown)
    ours, drawn_ours = lost[merges].mean(), drawn[merges].mean(axis=0)
    gap = _of(ours, drawn_ours, known=known)
    if not parents:
        return Flattery(gap, None, None)
    theirs, drawn_theirs = lost[parents].mean(), drawn[parents].mean(axis=0)
    return Flattery(
        gap,
        _of(theirs, drawn_theirs, known=known),
        _of(ours - theirs, drawn_ours - drawn_theirs, known=known),
    )


def _of(value: float, drawn: Array, *, known: bool) -> Estimate:
    if not known:
        return Estimate(float(value))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Estimate(float(value), float(drawn.std(ddof=1)), float(low), float(high))
