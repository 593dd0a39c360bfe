"""The high-quality evaluated configurations, towards which weak candidates are moved."""

import numpy as np
from numpy.typing import NDArray

from optimerge.front.dominance import ranks
from optimerge.front.hypervolume import contributions
from optimerge.search.acquisition.directions import directions, reach

Array = NDArray[np.float64]


def best_by_contribution(losses: Array, reference: Array, count: int) -> NDArray[np.intp]:
    """Return the indices of `count` rows of losses [n, m], best first; all if there are fewer.

    By the layer of the front that they lie in; within a layer by what the layer's hypervolume
    would lose without them; rows that lose nothing (outside the reference [m], or equal to
    another) by their summed losses. So every end of the front has its advocate, and no objective
    counts for more because its numbers are larger: losses must be in comparable units for the last
    rule only.

    The released code takes the largest sum of the first two raw scores instead: the task whose
    scores vary most decides alone, and sparsity never.
    """
    layer = ranks(losses)
    order: list[np.intp] = []
    for number in np.unique(layer):
        if len(order) >= count:
            break
        rows = np.flatnonzero(layer == number)
        lost = _lost(losses[rows], reference)
        order.extend(rows[np.lexsort((losses[rows].sum(axis=1), -lost))])
    return np.array(order[:count], dtype=np.intp)


def _lost(losses: Array, reference: Array) -> Array:
    """Return contributions [n]; of more than three objectives along directions, up to a factor."""
    m = len(reference)
    if m <= 3:
        return contributions(losses, reference)
    unit = np.maximum(reference - losses.min(axis=0), 1e-12)
    reached = np.vstack(
        (reach((reference - losses) / unit, directions(m, 1024, 0)), np.zeros(1024))
    )
    order = np.argsort(-reached, axis=0)[:2]
    first, second = np.take_along_axis(reached, order, axis=0) ** m
    lost = np.zeros(len(losses) + 1)
    np.add.at(lost, order[0], first - second)
    return lost[:-1]


def best_by_sum(scores: Array, count: int) -> NDArray[np.intp]:
    """Return the indices of the `count` rows with the largest sum of the first two scores.

    As released: scores [n, m] larger is better, in whatever units they come.
    """
    total = scores[:, :2].sum(axis=1)
    return np.argsort(-total, kind="stable")[:count]
