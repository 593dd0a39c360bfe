"""Which losses are on the Pareto front, and in which layer the others lie; smaller is better.

A row dominates another if it is no worse in every objective and better in at least one. Rows that
hold a NaN are compared with nothing; infinities are compared as the numbers they are.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optimerge.front.sorting import rank_pairs, rank_rows

_BLOCK = 128
"""Rows filtered at once: bounds the working memory to some 256 bytes a row of the front."""


def non_dominated(losses: ArrayLike) -> NDArray[np.bool_]:
    """Return a mask [n] of the rows of losses [n, m] that no other row dominates.

    Of equal rows the first is kept; rows with a NaN never are.

    Complexity: O(n log n) for one or two objectives, else O(n f m) time and O(f) memory for a
    front of f rows. In lexicographic order a row can only be dominated by an earlier one, so that
    one pass does (Kung, Luccio and Preparata 1975, "On finding the maxima of a set of vectors").

    >>> non_dominated([[1, 3], [2, 2], [3, 3], [2, 2], [float("nan"), 0]])
    array([ True,  True, False, False, False])
    """
    points = as_losses(losses)
    order = _lexicographic(points)
    mask = np.zeros(len(points), dtype=np.bool_)
    keep = _staircase if points.shape[1] <= 2 else _filter
    mask[order[keep(points[order])]] = True
    return mask


def ranks(losses: ArrayLike) -> NDArray[np.int64]:
    """Return the layer [n] of each row: 0 on the front, 1 on the front of the rest, and so on.

    Equal rows share a rank. Rows with a NaN have rank n, which is worse than any other's.

    Complexity: O(n log n) for one or two objectives, else O(n² m) time in the worst case, mostly
    far less, and O(n m) memory: rows are taken in lexicographic order and the first layer without
    a dominating member is found by bisection (Zhang, Tian, Cheng and Jin 2015, "An efficient
    approach to nondominated sorting for evolutionary multiobjective optimization", ENS-BS).

    >>> ranks([[1, 3], [2, 2], [3, 3], [2, 2], [float("nan"), 0]])
    array([0, 0, 1, 0, 5])
    """
    points = as_losses(losses)
    rank = np.full(len(points), len(points), dtype=np.int64)
    finite = complete(points)
    rows, place = np.unique(points[finite], axis=0, return_inverse=True)
    sort = rank_pairs if rows.shape[1] <= 2 else rank_rows
    rank[finite] = sort(rows)[place.reshape(-1)]
    return rank


def as_losses(losses: ArrayLike) -> NDArray[np.float64]:
    """Return losses as a float array [n, m]; the caller's own array if it is one already.

    Raises:
        ValueError: If there are not two axes, or no objective.
    """
    points = np.asarray(losses, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] == 0:
        raise ValueError(f"losses must have the shape [points, objectives], not {points.shape}")
    return points


def complete(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return a mask [n] of the rows without NaN."""
    return np.asarray(~np.isnan(points).any(axis=1), dtype=np.bool_)


def _lexicographic(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the indices of the rows without NaN, by first column, then second, …; stable."""
    rows = np.flatnonzero(complete(points))
    return rows[np.lexsort(points[rows].T[::-1])]


def _staircase(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask rows of at most two objectives, sorted: those whose last loss is a new minimum."""
    kept = np.zeros(len(rows), dtype=np.bool_)
    kept[:1] = True
    if rows.shape[1] == 2:
        kept[1:] = rows[1:, 1] < np.minimum.accumulate(rows[:, 1])[:-1]
    return kept


def _filter(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask sorted rows: a block loses what the front so far covers, then what it covers itself."""
    kept = np.zeros(len(rows), dtype=np.bool_)
    front = np.empty_like(rows)
    size = 0
    for start in range(0, len(rows), _BLOCK):
        open_rows = np.arange(start, min(start + _BLOCK, len(rows)))
        open_rows = open_rows[~_covers(front[:size], rows[open_rows]).any(axis=0)]
        block = rows[open_rows]
        # strictly upper: only an earlier row counts, so that one of equal rows stays
        new = open_rows[~np.triu(_covers(block, block), k=1).any(axis=0)]
        kept[new] = True
        front[size : size + len(new)] = rows[new]
        size += len(new)
    return kept


def _covers(front: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return [f, b]: whether a front row is no worse in every objective than a row."""
    covers = np.ones((len(front), len(rows)), dtype=np.bool_)
    for mine, theirs in zip(front.T, rows.T, strict=True):
        covers &= mine[:, None] <= theirs
    return covers
