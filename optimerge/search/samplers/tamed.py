"""Losses that a surrogate can be fitted to: what is lost anyway is cut off."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BEYOND = 3.0
"""How far from the best a loss may lie, in distances from the best to the reference."""


def tamed(losses: Array, corner: Array | None) -> Array:
    """Return losses [n, m] cut where they are far beyond the reference [m] and the usual.

    A collapsed merge has a perplexity of thousands among ones of ten: beside it all others look
    the same. Beyond the reference nothing adds to the hypervolume, so nothing is lost.
    """
    best, usual = losses.min(axis=0), np.median(losses, axis=0)
    reach = (usual if corner is None else np.maximum(corner, usual)) - best
    limit = np.where(reach > 0, best + BEYOND * reach, np.inf)
    return np.asarray(np.minimum(losses, limit))


def observed_corner(losses: Array) -> Array:
    """Return a reference [m] from losses [n, m] alone: the worst seen and a tenth of the range."""
    span = np.ptp(losses, axis=0)
    return np.asarray(losses.max(axis=0) + 0.1 * np.where(span > 0, span, 1.0))
