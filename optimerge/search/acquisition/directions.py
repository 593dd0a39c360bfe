"""Hypervolume as an average over directions, which costs no decomposition into boxes.

The volume that points dominate up to a reference is `c * mean over directions of max over points
of min over objectives of (side / direction)^m`, for directions uniform on the positive part of the
unit sphere and c the volume of that part of the ball: polar coordinates round the reference. Any
number of objectives, any number of points; Deng and Zhang 2019, "Approximating hypervolume and
hypervolume contributions using polar coordinate".
"""

from math import gamma, pi

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

Array = NDArray[np.float64]

BLOCK = 128
"""Boxes at a time: what they reach along all directions should stay in a core's cache."""


def directions(objectives: int, count: int, seed: int) -> Array:
    """Return directions [count, m] spread evenly over the positive part of the unit sphere."""
    if objectives == 1:
        return np.ones((1, 1))
    sobol = qmc.Sobol(objectives, rng=np.random.default_rng(seed))
    uniform = np.clip(sobol.random(count), 1e-9, 1 - 1e-9)
    raw = np.maximum(np.abs(ndtri(uniform)), 1e-4)
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True))


def constant(objectives: int) -> float:
    """Return the volume of the positive part of the unit ball."""
    return float(pi ** (objectives / 2) / (2**objectives * gamma(objectives / 2 + 1)))


def reach(sides: Array, along: Array) -> Array:
    """Return how far boxes of sides [..., m] reach along directions [k, m]: [..., k], from 0."""
    if along.shape[1] == 1:
        return np.maximum(sides, 0.0)
    steepness = 1.0 / along
    found = np.asarray(sides[..., None, 0] * steepness[:, 0])
    other = np.empty_like(found)
    for place in range(1, along.shape[1]):
        np.multiply(sides[..., None, place], steepness[:, place], out=other)
        np.minimum(found, other, out=found)
    return np.asarray(np.maximum(found, 0.0, out=found))


def gained(sides: Array, along: Array, best: Array) -> Array:
    """Return what each box of sides [n, m] adds to what was reached, [n]: a mean over directions.

    `best` [k]: the reach so far along each of `along` [k, m], to the power m.
    """
    m = along.shape[1]
    found = np.empty(len(sides))
    for first in range(0, len(sides), BLOCK):
        block = slice(first, first + BLOCK)
        volumes = _power(reach(sides[block], along), m)
        volumes -= best
        found[block] = np.maximum(volumes, 0.0, out=volumes).mean(axis=1)
    return found


def volume(sides: Array, along: Array) -> float:
    """Return the hypervolume of boxes with sides [n, m], about."""
    m = along.shape[1]
    return constant(m) * float((reach(sides, along).max(axis=0) ** m).mean())


def _power(reached: Array, exponent: int) -> Array:
    """Return the exponent-th power (1, 2, ...) in place, by multiplications: pow() takes longer."""
    square = reached.copy()
    left = exponent - 1
    while left:
        if left & 1:
            reached *= square
        left >>= 1
        if left:
            square *= square
    return reached
