"""A hypervolume by sampling, for large fronts in many objectives, where exact ones take hours."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

SAMPLES = 17
"""Logarithm to the base 2 of the samples: 131 072, which is an error below 0.14 % of the box."""


class SampledVolume:
    """What the points so far dominate between an ideal and a reference, estimated; it never falls.

    The samples are a scrambled Sobol sequence with a fixed seed: the same points give the same
    numbers. A point beyond the ideal counts as if it lay on it.

    >>> volume = SampledVolume([0.0, 0.0], [4.0, 4.0])
    >>> volume.add([2, 2])
    >>> round(volume.total, 2), volume.error < 0.05
    (4.0, True)
    """

    def __init__(self, ideal: ArrayLike, reference: ArrayLike) -> None:
        from scipy.stats.qmc import Sobol

        low, high = np.asarray(ideal, dtype=np.float64), np.asarray(reference, dtype=np.float64)
        if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
            raise ValueError("the ideal must be better than the reference in every objective")
        unit = Sobol(len(low), scramble=True, rng=np.random.default_rng(0)).random_base2(SAMPLES)
        self._box = float(np.prod(high - low))
        self._open: NDArray[np.float64] = low + unit * (high - low)  # dominated by no point yet

    def add(self, losses: ArrayLike) -> None:
        """Add a point [m]; a NaN dominates nothing.

        Complexity: one comparison with each sample that is still open, O(m) at the most.
        """
        rows = np.arange(len(self._open))
        for column, loss in enumerate(np.asarray(losses, dtype=np.float64).tolist()):
            rows = rows[self._open[rows, column] >= loss]
        if len(rows):
            self._open = np.delete(self._open, rows, axis=0)

    @property
    def total(self) -> float:
        """The volume, in the objectives' own units."""
        return self._box * self._share

    @property
    def error(self) -> float:
        """Its standard error, as if the samples were random; Sobol's are spread more evenly."""
        return self._box * math.sqrt(self._share * (1 - self._share) / (1 << SAMPLES))

    @property
    def _share(self) -> float:
        return 1.0 - len(self._open) / (1 << SAMPLES)
