"""The knee of a front, and the smallest mean: picks that ask nobody's preference."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optimerge.front.dominance import as_losses

_TRIFLE = 0.01
"""An objective that varies on the front by less than this share of the parents' range is noise as
far as a compromise goes: it is not blown up to the size of the others."""

_DIGITS = 12
"""Distances are compared to this many decimals, so that rounding does not decide between ties."""


def knee(front_losses: ArrayLike, scales: ArrayLike) -> int:
    """Return the index of the row of a front [k, m] (smaller is better) at its knee.

    The knee of two objectives is the point that bulges farthest from the line through the ends of
    the front towards the ideal (the best loss per objective): there, more of one objective starts
    to cost much of the other (Das 1999, "On characterizing the 'knee' of the Pareto curve based on
    normal-boundary intersection"). With each objective's extent on the front as its unit, that is
    the point with the smallest sum of distances to the ideal, which is a knee for any m (Chiu, Yen
    and Juan 2016, "Minimum Manhattan distance approach to multiple criteria decision making in
    multiobjective optimization problems"). If no sum is below 1 nothing bulges (two points, or a
    straight or hollow front) and the smallest sum would be an end of the front: then the point is
    taken whose largest distance to the ideal, in the parents' range, is smallest.

    Scales [m] are the parents' range (`reference.scales`). The knee is one row of the front, does
    not depend on the order of the rows nor on the unit or zero of an objective; of several points
    the smallest mean in the parents' range is taken, of equal ones the lowest index; one point is
    its own knee. Rows with a NaN or an infinity are never taken.

    Raises:
        ValueError: If no row is finite.

    Complexity: O(k m).

    >>> knee([[0.0, 10.0], [1.0, 6.0], [2.0, 2.0], [6.0, 1.0], [10.0, 0.0]], [10.0, 10.0])
    2
    """
    rows, losses, units = _finite(front_losses, scales)
    above = losses - losses.min(axis=0)
    extent = np.maximum(above.max(axis=0), _TRIFLE * units)
    distance = _rounded((above / extent).sum(axis=1))
    if distance.min() >= 1.0:
        distance = _rounded((above / units).max(axis=1))
    return int(rows[_first(distance, _rounded((above / units).mean(axis=1)))])


def smallest_mean(losses: ArrayLike, scales: ArrayLike) -> int:
    """Return the index of the row with the smallest mean loss in units of the parents' range.

    All objectives weigh the same. Of equal rows the lowest index is taken; rows with a NaN or an
    infinity never are.

    Raises:
        ValueError: If no row is finite.

    Complexity: O(n m).

    >>> smallest_mean([[0.0, 10.0], [1.0, 6.0], [6.0, 0.5]], [1.0, 10.0])
    0
    """
    rows, finite, units = _finite(losses, scales)
    above = finite - finite.min(axis=0)  # the mean is compared near zero, where digits are finest
    return int(rows[_first(_rounded((above / units).mean(axis=1)))])


def smallest_weighted(losses: ArrayLike, scales: ArrayLike, weights: ArrayLike) -> int:
    """Return the index of the row with the smallest weighted mean loss, ties by the plain mean.

    Weights [m], none negative, of losses in units of the parents' range. Rows with a NaN or an
    infinity are never taken.

    Raises:
        ValueError: If no row is finite.

    Complexity: O(n m).

    >>> smallest_weighted([[0.0, 10.0], [1.0, 6.0], [6.0, 0.0]], [1.0, 10.0], [0.1, 0.9])
    2
    """
    rows, finite, units = _finite(losses, scales)
    above = (finite - finite.min(axis=0)) / units
    weighted = _rounded(above @ np.asarray(weights, dtype=np.float64))
    return int(rows[_first(weighted, _rounded(above.mean(axis=1)))])


def smallest(losses: ArrayLike, scales: ArrayLike, objective: int) -> int:
    """Return the index of the row with the smallest loss in one objective, ties by their mean.

    >>> smallest([[1.0, 2.0, 9.0], [1.0, 3.0, 0.0], [4.0, 0.0, 0.0]], [1.0, 1.0, 1.0], 0)
    1
    """
    rows, finite, units = _finite(losses, scales)
    above = finite - finite.min(axis=0)
    return int(rows[_first(finite[:, objective], _rounded((above / units).mean(axis=1)))])


def _finite(
    losses: ArrayLike, scales: ArrayLike
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    points, units = as_losses(losses), np.asarray(scales, dtype=np.float64)
    if units.shape != points.shape[1:] or not (units > 0).all():
        raise ValueError(f"scales must be {points.shape[1]} positive numbers, not {units}")
    rows = np.flatnonzero(np.isfinite(points).all(axis=1))
    if len(rows) == 0:
        raise ValueError("no finite row to pick from")
    return rows, points[rows], units


def _rounded(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.round(distances, _DIGITS)


def _first(*keys: NDArray[np.float64]) -> np.intp:
    """Return the index of the smallest first key, ties by the next; the lowest of equal ones."""
    return np.intp(np.lexsort(keys[::-1])[0])
