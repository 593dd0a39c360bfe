"""The hypervolume: how much of the space between a front and a reference it dominates.

Losses: smaller is better. A point counts only if it is better than the reference in every
objective; rows with a NaN count nothing (Zitzler and Thiele 1998, "Multiobjective optimization
using evolutionary algorithms: a comparative case study").
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optimerge.front.dominance import as_losses, non_dominated
from optimerge.front.growing import GrowingVolume
from optimerge.front.volume import alone, union


def hypervolume(losses: ArrayLike, reference: ArrayLike) -> float:
    """Return the exact volume that losses [n, m] dominate up to the reference [m].

    Only the front counts; of no points the hypervolume is 0.

    Complexity: of the volume O(n log n) up to m = 3, O(n² log n) for m = 4, and a factor n more for
    each further objective in the worst case (WFG; see `volume.union`); of finding the front, see
    `non_dominated`. 200 points on a sphere take about 1 ms, 2 ms, 25 ms, 0.15 s and 1 s for 2, 3,
    4, 5 and 6 objectives on one core of a server.

    >>> hypervolume([[1, 3], [2, 2], [3, 1]], [4, 4])
    6.0
    """
    sides, inside = _sides(losses, reference)
    points = sides[inside]
    return union(points[non_dominated(-points)])


def contributions(losses: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """Return for each row [n] what the hypervolume would lose without it.

    Dominated rows and rows that have an equal one give 0; what only a dominated row would still
    dominate is not lost with its dominator.

    Complexity: n times that of a hypervolume over the same rows, cut to one row's box.

    >>> contributions([[1, 3], [2, 2], [3, 1], [3, 3]], [4, 4])
    array([1., 1., 1., 0.])
    """
    sides, inside = _sides(losses, reference)
    rows = np.flatnonzero(inside)
    points = sides[rows]
    result = np.zeros(len(sides))
    for place in np.flatnonzero(non_dominated(-points)):
        result[rows[place]] = alone(points[place], np.delete(points, place, axis=0))
    return result


def history(losses: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """Return the hypervolume [n] of the first row, of the first two rows, and so on.

    It never falls. A row that an earlier one dominates or equals costs one comparison with the
    front; another costs the volume of the front cut to that row's box.

    >>> history([[2, 2], [3, 3], [1, 3]], [4, 4])
    array([4., 4., 5.])
    """
    _sides(losses, reference)  # checks them
    volume = GrowingVolume(reference)
    totals = []
    for point in as_losses(losses):
        volume.add(point)
        totals.append(volume.total)
    return np.array(totals, dtype=np.float64)


def _sides(
    losses: ArrayLike, reference: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the boxes' sides [n, m] and which rows count: all sides positive, none NaN."""
    points, corner = as_losses(losses), np.asarray(reference, dtype=np.float64)
    if corner.shape != points.shape[1:]:
        raise ValueError(f"a reference [m] for {points.shape}, not {corner.shape}")
    if not np.isfinite(corner).all() or np.isneginf(points).any():
        raise ValueError("a reference must be finite, and no loss minus infinity")
    sides = corner - points
    return sides, np.asarray((sides > 0).all(axis=1), dtype=np.bool_)
