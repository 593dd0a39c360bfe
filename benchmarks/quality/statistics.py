"""Means with intervals, paired tests, Holm's correction, evaluations to reach: of plain numbers."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import wilcoxon

Array = NDArray[np.float64]

RESAMPLINGS = 10_000
LEVEL = 0.95


class Interval(NamedTuple):
    """A mean and its bootstrap interval."""

    mean: float
    low: float
    high: float


def mean_interval(groups: Sequence[ArrayLike], seed: int = 0) -> Interval:
    """Return the mean of the groups' means with its percentile bootstrap interval of 95 %.

    Members are resampled within each group (Efron and Tibshirani 1993, chapter 13, strata); groups
    weigh the same whatever their size. NaN of no group or an empty one.

    >>> mean_interval([[1.0, 1.0], [3.0, 3.0]])
    Interval(mean=2.0, low=2.0, high=2.0)
    """
    arrays = [np.asarray(group, dtype=np.float64) for group in groups]
    if not arrays or any(len(array) == 0 for array in arrays):
        return Interval(math.nan, math.nan, math.nan)
    stream = np.random.default_rng(seed)
    total = np.zeros(RESAMPLINGS)
    for array in arrays:
        drawn = stream.integers(len(array), size=(RESAMPLINGS, len(array)))
        total += array[drawn].mean(axis=1)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(total / len(arrays), [tail, 1 - tail])
    return Interval(float(np.mean([array.mean() for array in arrays])), float(low), float(high))


def signed_rank(differences: ArrayLike) -> float:
    """Return Wilcoxon's two-sided p-value for paired differences; 1 if all are 0 or none is given.

    Zeros are kept, their ranks split evenly between the two signs: pairs that tie speak for no
    difference, and not for nothing. Exact without ties up to 50 pairs, else normal with correction
    for ties.
    """
    pairs = np.asarray(differences, dtype=np.float64)
    if not pairs.any():
        return 1.0
    size = np.abs(pairs)
    tied = len(np.unique(size)) < len(size) or not size.all()
    exact = not tied and len(pairs) <= 50
    found = wilcoxon(pairs, zero_method="zsplit", method="exact" if exact else "approx")
    return float(found.pvalue)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values corrected for all of them being looked at (Holm 1979), in the same order.

    >>> holm({"a": 0.04, "b": 0.01, "c": 0.03})
    {'a': 0.06, 'b': 0.03, 'c': 0.06}
    """
    ascending = sorted(p_values, key=lambda name: p_values[name])
    corrected, worst = {}, 0.0
    for place, name in enumerate(ascending):
        worst = max(worst, min(1.0, p_values[name] * (len(ascending) - place)))
        corrected[name] = worst
    return {name: corrected[name] for name in p_values}


def first_reached(curve: ArrayLike, target: float) -> float:
    """Return after how many evaluations a curve [n] is first at the target; infinity if never.

    >>> first_reached([0.1, 0.4, 0.3, 0.5], 0.4)
    2.0
    """
    reached = np.flatnonzero(np.asarray(curve, dtype=np.float64) >= target)
    return float(reached[0] + 1) if len(reached) else math.inf


class Paired(NamedTuple):
    """One contestant against another, paired by surface and seed; above 0: the first is ahead."""

    difference: Interval
    """Mean of the surfaces' mean differences."""
    won: int
    tied: int
    lost: int
    p: float
    """Of the signed rank test over all pairs."""
    p_surfaces: float
    """Of the same test on one difference a surface."""

    @property
    def pairs(self) -> int:
        """How many pairs there are."""
        return self.won + self.tied + self.lost

    @property
    def verdict(self) -> str:
        """ahead, behind, or undecided, by the interval."""
        if self.difference.low > 0:
            return "ahead"
        return "behind" if self.difference.high < 0 else "undecided"


def paired(
    first: Mapping[tuple[str, int], float], second: Mapping[tuple[str, int], float]
) -> Paired:
    """Compare two contestants' values by (surface, seed); what one of them lacks is left out."""
    both = sorted(first.keys() & second.keys())
    by_surface: dict[str, list[float]] = {}
    for key in both:
        by_surface.setdefault(key[0], []).append(first[key] - second[key])
    all_of_them = np.array([d for each in by_surface.values() for d in each])
    means = [float(np.mean(each)) for each in by_surface.values()]
    return Paired(
        mean_interval(list(by_surface.values())),
        int((all_of_them > 0).sum()),
        int((all_of_them == 0).sum()),
        int((all_of_them < 0).sum()),
        signed_rank(all_of_them),
        signed_rank(means),
    )
