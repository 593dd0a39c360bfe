"""The volume of a union of boxes that share the corner 0: the arithmetic under the hypervolume.

A point with losses l, all better than the reference r, dominates the box between l and r, whose
sides are r - l. So this module works on sides [n, m]: positive, larger is better.
"""

from bisect import bisect_left
from math import inf

import numpy as np
from numpy.typing import NDArray

from optimerge.front.dominance import non_dominated


def union(sides: NDArray[np.float64]) -> float:
    """Return the volume of the union of the boxes [0, sides[i]]; 0 for no box.

    Complexity: O(n) for m = 1, O(n log n) for m = 2 and 3, else n times that of m - 1 in the worst
    case: boxes are taken by falling last side, each adds what it has alone, and beside the boxes
    before it that is a volume of one dimension less (While, Bradstreet and Barone 2012, "A fast
    way of calculating exact hypervolumes", WFG with its slicing).

    >>> union(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 1.0]]))
    5.0
    """
    if len(sides) == 0:
        return 0.0
    if len(sides) == 1:
        return float(np.prod(sides))
    if sides.shape[1] <= 3:
        return (_line, _plane, _space)[sides.shape[1] - 1](sides)
    sides = sides[np.argsort(-sides[:, -1], kind="stable")]
    flat, heights = sides[:, :-1], sides[:, -1].tolist()
    return float(sum(h * alone(flat[i], flat[:i]) for i, h in enumerate(heights)))


def alone(box: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Return the volume of a box that none of the others covers; never below 0.

    Complexity: one `union` of the others, each cut to the box and only the largest kept.

    >>> alone(np.array([2.0, 2.0]), np.array([[1.0, 3.0], [1.0, 1.0]]))
    2.0
    """
    cut = np.minimum(others, box)
    if (cut == box).all(axis=1).any():
        return 0.0
    if len(box) > 3:
        cut = cut[non_dominated(-cut)]
    return max(0.0, float(np.prod(box)) - union(cut))


def _line(sides: NDArray[np.float64]) -> float:
    return float(sides.max())


def _plane(sides: NDArray[np.float64]) -> float:
    """Sum the strips that each box adds above those wider than it."""
    wide_first = sides[np.argsort(-sides[:, 0])]
    heights = np.maximum.accumulate(wide_first[:, 1])
    return float(wide_first[:, 0] @ np.diff(heights, prepend=0.0))


def _space(sides: NDArray[np.float64]) -> float:
    """Add boxes by falling third side: what a box adds to the plane stands up to its third side.

    The outline of the boxes so far is a staircase: widths ascend, depths descend (Beume, Fonseca,
    López-Ibáñez, Paquete and Vahrenhold 2009, "On the complexity of computing the hypervolume
    indicator"). A list moves its tail at each insertion, which a balanced tree would not; at the
    sizes of fronts that is a short copy.
    """
    widths, depths = [0.0, inf], [inf, 0.0]
    volume = 0.0
    for width, depth, height in sides[np.argsort(-sides[:, 2])].tolist():
        right = left = bisect_left(widths, width)
        if depths[right] >= depth:
            continue
        area, edge = 0.0, width
        while depths[left] < depth:
            left -= 1
            area += (edge - widths[left]) * (depth - depths[left + 1])
            edge = widths[left]
        widths[left + 1 : right] = [width]
        depths[left + 1 : right] = [depth]
        volume += area * height
    return volume
