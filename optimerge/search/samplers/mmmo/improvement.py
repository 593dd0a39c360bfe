"""Expected hypervolume improvement of single points: exact, of draws, and along directions.

Losses: smaller is better. A point y wins in a cell [l, u] the box between max(l, y) and u; the
sides of that box are independent given independent surrogates, and
E[(u - max(l, y))+] = E[(u - y)+] - E[(l - y)+].
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from optimerge.search.acquisition.directions import constant, gained, reach

Array = NDArray[np.float64]


def expected_improvement(mean: Array, variance: Array, cells: tuple[Array, Array]) -> Array:
    """Return the expected hypervolume improvement [n] of points with normal losses [n, m].

    `cells`: lower and upper corners [k, m] of the undominated region. Exact for losses that are
    independent of one another (Yang, Emmerich, Deutz and Bäck 2019). With one objective it is the
    expected improvement (over the reference, if nothing is better than that).
    """
    deviation = np.sqrt(np.maximum(variance, 1e-18))
    product: Array = np.ones((len(mean), len(cells[0])))
    for j in range(mean.shape[1]):
        each = (mean[:, j, None], deviation[:, j, None])
        product *= _shortfall(cells[1][:, j], *each) - _shortfall(cells[0][:, j], *each)
    return np.asarray(product.sum(axis=1))


def sampled_improvement(samples: Array, cells: tuple[Array, Array]) -> Array:
    """Return the hypervolume improvement [...] of losses [..., m], no expectation taken.

    `cells`: corners [..., k, m], which may differ from sample to sample; an empty cell (its lower
    corner at its upper one) wins nothing.
    """
    lower, upper = cells
    sides = upper - np.maximum(lower, samples[..., None, :])
    return np.asarray(np.maximum(sides, 0.0).prod(axis=-1).sum(axis=-1))


def directed_improvement(
    mean: Array, variance: Array, front: Array, reference: Array, along: Array, normals: Array
) -> Array:
    """Return the expected hypervolume improvement [n] of points with normal losses [n, m], about.

    For many objectives, where a front [f, m] leaves too many cells: by directions `along` [k, m]
    (see `acquisition.directions`) and standard normal draws `normals` [s, m], the same for all.
    """
    m = len(reference)
    inside = front[(front < reference).all(axis=1)]
    unit = reference - inside.min(axis=0) if len(inside) else np.ones(m)
    best = reach((reference - inside) / unit, along).max(axis=0, initial=0.0) ** m
    deviation = np.sqrt(np.maximum(variance, 0.0))
    total = np.zeros(len(mean))
    for draw in normals:
        sides = (reference - mean - draw * deviation) / unit
        total += gained(sides, along, best)
    return np.asarray(constant(m) * unit.prod() * total / len(normals))


def _shortfall(bound: Array, mean: Array, deviation: Array) -> Array:
    """E[(bound - y)+] [n, k]; 0 where the bound is minus infinity."""
    unbounded = np.isneginf(bound)
    gap = (np.where(unbounded, 0.0, bound) - mean) / deviation
    density = np.exp(-0.5 * gap**2) / np.sqrt(2 * np.pi)
    return np.where(unbounded, 0.0, deviation * (gap * ndtr(gap) + density))
