"""Two fronts of known shape as shares: the sphere of DTLZ2, the broken front of ZDT3.

Deb, Thiele, Laumanns and Zitzler 2002, "Scalable multi-objective optimization test problems";
Zitzler, Deb and Thiele 2000, "Comparison of multiobjective evolutionary algorithms". Changed so
that no corner, middle or axis is rewarded: which coordinates place a point on the front and where
the best of the others lie are drawn, and the distance from there is measured along turned axes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Distance:
    """How far a point of the unit box is from the front; drawn once for a surface."""

    order: NDArray[np.intp]
    """The coordinates: first those along the front."""
    best: Array
    """Where the others are best."""
    turn: Array

    @classmethod
    def drawn(cls, stream: np.random.Generator, dimensions: int, along: int) -> "Distance":
        """Draw one; `along` coordinates lead along the front."""
        across = dimensions - along
        basis, _ = np.linalg.qr(stream.normal(size=(across, across)))
        scale = np.geomspace(0.6, 1.6, across)
        return cls(
            stream.permutation(dimensions),
            stream.uniform(0.2, 0.8, across),
            scale[:, None] * basis,
        )

    def split(self, unit: Array) -> tuple[Array, Array]:
        """Return the coordinates along the front [n, k] and the offset across it [n, d - k]."""
        ordered = unit[:, self.order]
        along = unit.shape[1] - len(self.best)
        return ordered[:, :along], (ordered[:, along:] - self.best) @ self.turn.T


def sphere(along: Array, away: Array) -> Array:
    """Return the scores [n, 3] of places [n, 2] on the octant, `away` [n] from it."""
    first, second = along.T * np.pi / 2
    axes = (np.cos(first) * np.cos(second), np.cos(first) * np.sin(second), np.sin(first))
    scores: Array = 1 - (1 + away[:, None]) * np.stack(axes, axis=1) / 2.2
    return scores.clip(0.0, 1.0)


def broken(along: Array, away: Array) -> Array:
    """Return the scores [n, 2] of places [n, 1] on five pieces of a front, `away` [n] from it."""
    first, g = along[:, 0], 1 + away
    second = g * (1 - np.sqrt(first / g) - first / g * np.sin(10 * np.pi * first))
    scores: Array = np.stack((1 - 0.9 * first, 1 - (second + 0.9) / 4), axis=1)
    return scores.clip(0.0, 1.0)


def dtlz(distance: Distance, unit: Array) -> Array:
    """Return the scores [n, 3] of points [n, d] of the unit box."""
    along, off = distance.split(unit)
    return sphere(along, 2 * (off**2).sum(axis=1))


def zdt(distance: Distance, unit: Array) -> Array:
    """Return the scores [n, 2] of points [n, d] of the unit box."""
    along, off = distance.split(unit)
    return broken(along, 9 * np.abs(off).mean(axis=1))


def true_sphere(steps: int = 120) -> Array:
    """Return scores [steps², 3] all over the true front of `dtlz`."""
    line = np.linspace(0, 1, steps)
    along = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    return sphere(along, np.zeros(len(along)))


def true_broken(steps: int = 4000) -> Array:
    """Return scores [steps, 2] that hold the true front of `zdt` (and what it dominates)."""
    return broken(np.linspace(0, 1, steps)[:, None], np.zeros(steps))
