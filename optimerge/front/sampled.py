"""Hypervolumes by sampling, for large fronts in many objectives, where exact ones take hours."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SAMPLES = 18
"""Logarithm to the base 2 of the samples: 262 144, which is an error below 0.1 % of the box."""
_BLOCK = 4096
"""Samples that are looked at together, so that their sets of points stay in the cache."""
_WORD = 64


def sampled_history(
    losses: ArrayLike, ideal: ArrayLike, reference: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what the first point, the first two, ... dominate [n], and its standard error [n].

    The samples are a scrambled Sobol sequence between ideal [m] and reference [m], with a fixed
    seed: the same points give the same numbers, and more points of the same box never give less.
    A point beyond the ideal counts as if it lay on it; one with a NaN dominates nothing. The error
    is that of random samples; Sobol's are spread more evenly.

    Complexity: a sorted list an objective, and for each sample the intersection of m sets of
    points, which are bits: 262 144 samples, 1 400 points and 6 objectives take 0.5 CPU seconds.

    >>> volume, error = sampled_history([[2, 2], [3, 3]], [0, 0], [4, 4])
    >>> volume.round(2).tolist(), bool((error < 0.05).all())
    ([4.0, 4.0], True)
    """
    from scipy.stats.qmc import Sobol

    points = np.asarray(losses, dtype=np.float64)
    low, high = np.asarray(ideal, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise ValueError("the ideal must be better than the reference in every objective")
    unit = Sobol(len(low), scramble=True, rng=np.random.default_rng(0)).random_base2(SAMPLES)
    first = _first_dominators(points, low + unit * (high - low))
    share = np.cumsum(np.bincount(first, minlength=len(points) + 1)[:-1]) / len(unit)
    box = float(np.prod(high - low))
    return box * share, box * np.sqrt(share * (1 - share) / len(unit))


def _first_dominators(
    points: NDArray[np.float64], samples: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Return for each sample the first point that is nowhere worse; n if there is none."""
    columns = [_sets(column) for column in points.T]
    found = [
        _first_of(columns, samples[at : at + _BLOCK], len(points))
        for at in range(0, len(samples), _BLOCK)
    ]
    return np.concatenate(found)


def _sets(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.uint64]]:
    """Return values [k] in order, and the set [k + 1, words] of the points of the first 0 .. k."""
    order = np.argsort(values)
    order = order[~np.isnan(values[order])]
    sets = np.zeros((len(order) + 1, len(values) // _WORD + 1), dtype=np.uint64)
    bit = np.uint64(1) << (order % _WORD).astype(np.uint64)
    sets[np.arange(1, len(order) + 1), order // _WORD] = bit
    return values[order], np.bitwise_or.accumulate(sets, axis=0)


def _first_of(
    columns: list[tuple[NDArray[np.float64], NDArray[np.uint64]]],
    samples: NDArray[np.float64],
    none: int,
) -> NDArray[np.intp]:
    """Return for each sample the smallest number in all columns' sets, `none` if there is none."""
    both: NDArray[np.uint64] | None = None
    for (values, sets), column in zip(columns, samples.T, strict=True):
        chosen = sets[np.searchsorted(values, column, side="right")]
        both = chosen if both is None else both & chosen
    assert both is not None
    word = np.argmax(both != 0, axis=1)
    bits = both[np.arange(len(both)), word]
    lowest = np.maximum(bits & (~bits + np.uint64(1)), np.uint64(1))
    place = np.log2(lowest.astype(np.float64)).astype(np.intp)  # exact: a power of 2
    return np.where(bits == 0, none, word * _WORD + place)
