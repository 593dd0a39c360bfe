"""The region that a front leaves undominated, cut into boxes: what hypervolume can be won in."""

from math import inf

import numpy as np
from numpy.typing import NDArray

from optimerge.front.dominance import non_dominated

Array = NDArray[np.float64]


def undominated_cells(front: Array, reference: Array) -> tuple[Array, Array]:
    """Return the corners, lower and upper [k, m], of disjoint boxes of what a front leaves.

    Together they are all that lies below the reference [m] and no row [n, m] dominates; lower
    corners may be minus infinity. Rows that are not better than the reference in every objective
    bound nothing inside and are ignored.

    Complexity: 1, n + 1, at most 2 n + 1 boxes for 1, 2, 3 objectives, for more a factor n each.
    For three objectives the plane is swept by the third: a strip of the staircase is a box from
    where it appears to where a row cuts it (as in Yang, Emmerich, Deutz and Bäck 2019,
    doi:10.1007/s10898-019-00798-7).

    >>> undominated_cells(np.array([[1.0, 2.0]]), np.array([3.0, 3.0]))[1].tolist()
    [[1.0, 3.0], [3.0, 2.0]]
    """
    front = front[(front < reference).all(axis=1)]
    front = front[non_dominated(front)]
    cells = np.array(_cells(front, reference))
    return cells[:, 0], cells[:, 1]


def _cells(front: Array, reference: Array) -> list[tuple[list[float], list[float]]]:
    """Return (lower, upper) of each box; the front holds only undominated rows."""
    if len(reference) == 1:
        return [([-inf], [float(np.min(front, initial=float(reference[0])))])]
    if len(reference) <= 3:
        return _swept(front, reference)
    front = front[np.argsort(front[:, -1], kind="stable")]
    starts = [-inf, *front[:, -1].tolist()]
    ends = [*front[:, -1].tolist(), float(reference[-1])]
    found = []
    for count, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if start < end:
            below = front[:count, :-1]
            below = below[non_dominated(below)]
            for lower, upper in _cells(below, reference[:-1]):
                found.append(([*lower, start], [*upper, end]))
    return found


def _swept(front: Array, reference: Array) -> list[tuple[list[float], list[float]]]:
    flat = len(reference) == 2
    rows = front[np.lexsort(front.T)] if flat else front[np.argsort(front[:, 2], kind="stable")]
    # strips (left, right, top, start): undominated for x in [left, right), y < top, z from start
    strips = [(-inf, float(reference[0]), float(reference[1]), -inf)]
    found: list[tuple[list[float], list[float]]] = []
    for row in rows.tolist():
        x, y, z = row[0], row[1], -inf if flat else row[2]
        kept: list[tuple[float, float, float, float]] = []
        cut: list[tuple[float, float, float, float]] = []
        for strip in strips:
            (cut if strip[1] > x and strip[2] > y else kept).append(strip)
        if not cut:
            continue
        for left, right, top, start in cut:
            if start < z:
                found.append(([left, -inf, start], [right, top, z]))
        if cut[0][0] < x:
            kept.append((cut[0][0], x, cut[0][2], z))
        kept.append((max(x, cut[0][0]), cut[-1][1], y, z))
        strips = sorted(kept)
    last = 0.0 if flat else float(reference[2])
    found += [([left, -inf, start], [right, top, last]) for left, right, top, start in strips]
    return [(lower[:2], upper[:2]) for lower, upper in found] if flat else found
