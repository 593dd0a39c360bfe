"""The kernel: Matérn-5/2 over features, and main effects; what it measures and its numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
JITTER = 1e-7
"""Added to the diagonal, as a share of the signal's variance."""
ROOT5 = np.sqrt(5.0)


@dataclass(frozen=True)
class Hyper:
    """Logarithms of length scales [g] and variances: of the signal, main effects, noise."""

    scales: Array
    signal: float
    main: float
    share: float
    extra: float

    @property
    def vector(self) -> Array:
        """All of it in one array."""
        return np.append(self.scales, [self.signal, self.main, self.share, self.extra])

    @staticmethod
    def of(vector: Array) -> "Hyper":
        """Return the record that `vector` came from."""
        return Hyper(vector[:-4], *map(float, vector[-4:]))


@dataclass(frozen=True)
class Inputs:
    """Points as the kernel sees them: features [n, f], and what each does alone [n, b]."""

    features: Array
    main: Array

    def __len__(self) -> int:
        """The number of points."""
        return len(self.features)

    def with_others(self, others: "Inputs") -> "Inputs":
        """Return these points and others."""
        return Inputs(
            np.concatenate([self.features, others.features]),
            np.concatenate([self.main, others.main]),
        )

    def __getitem__(self, places: NDArray[np.int64]) -> "Inputs":
        """Return some of the points."""
        return Inputs(self.features[places], self.main[places])


@dataclass(frozen=True)
class Groups:
    """Which length scale each column of the inputs has."""

    features: NDArray[np.int64]
    main: NDArray[np.int64]


def distances(one: Array, other: Array) -> Array:
    """Return squared Euclidean distances [a, b] of rows [a, f] and [b, f]."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2.0 * one @ other.T
    return np.asarray(np.maximum(squares, 0.0))


def matern(distances: Array) -> Array:
    """Return the Matérn-5/2 correlation of squared distances."""
    root = ROOT5 * np.sqrt(distances)
    return np.asarray((1.0 + root + root**2 / 3.0) * np.exp(-root))
