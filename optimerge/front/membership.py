"""How sure it is that a model is on the true front, from draws of all models' scores."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from optimerge.front.dominance import complete

Array = NDArray[np.float64]


def front_shares(drawn: Array, rows: Sequence[int], rivals: Sequence[int] | None = None) -> Array:
    """Return for each of the models `rows` the share of draws in which no rival dominates it.

    Models with equal scores do not dominate each other: of a tie all are on the front. A model
    that lacks an objective has NaN, and dominates none.

    Args:
        drawn: Losses [objectives, models, draws], as `paired.draw` gives them.
        rows: The models in question.
        rivals: What may dominate them; default: all models.

    Complexity: O(rows x models x draws) for the first objective; for the others only models that
    may still dominate. Objectives that do not vary come first: they rule out most.
    """
    _, models, draws = drawn.shape
    others = np.arange(models) if rivals is None else np.asarray(rivals, dtype=np.intp)
    order = np.argsort(np.ptp(drawn, axis=2).max(axis=1, initial=0.0), kind="stable")
    drawn, whole = drawn[order], complete(drawn[:, :, 0].T)
    shares = np.full(len(rows), np.nan)
    for place, row in enumerate(rows):
        if whole[row]:
            left = others[(others != row) & whole[others]]
            shares[place] = 1.0 - float(_beaten(drawn, row, left).sum()) / draws
    return shares


def _beaten(drawn: Array, row: int, rivals: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return in which draws [draws] some rival dominates the model."""
    no_worse = np.ones((len(rivals), drawn.shape[2]), dtype=np.bool_)
    better = np.zeros_like(no_worse)
    for losses in drawn:
        theirs = losses[rivals]
        no_worse &= theirs <= losses[row]
        better |= theirs < losses[row]
        ever = no_worse.any(axis=1)
        if not ever.all():
            rivals, no_worse, better = rivals[ever], no_worse[ever], better[ever]
    return np.asarray((no_worse & better).any(axis=0), dtype=np.bool_)


def beats_all(drawn: Array, row: int, rivals: Sequence[int]) -> float:
    """Return the share of draws in which a model is better than each of the rivals; a tie is not.

    So the best rival is chosen anew in each draw: what is claimed is that the model beats all of
    them, and no luck in naming the best one can flatter it.

    Args:
        drawn: Losses [models, draws] of one objective, or of a mean of several.
        row: The model.
        rivals: Those that it must beat; of none it is NaN.
    """
    if not len(rivals):
        return float("nan")
    best = drawn[list(rivals)].min(axis=0)
    if np.isnan(best).any() or np.isnan(drawn[row]).any():
        return float("nan")
    return float((drawn[row] < best).mean())
