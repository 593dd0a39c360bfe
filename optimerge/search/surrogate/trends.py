"""What is known of an objective before anything is scored, for the mean of its process.

Sparsity is the one objective that has a formula, about: an entry of a merge differs from the base
unless every expert dropped it, so the share that differs is `1 - product(1 - density)` over the
experts with a weight. It has a cliff where a weight becomes 0, which no smooth process can learn:
without this the base, with no entry changed, lures the search to ever smaller weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimerge.search.surrogate.domain import Domain, Rows

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """The weights and densities of one expert: names of dimensions, or one fixed number."""

    weights: tuple[str, ...] | float
    densities: tuple[str, ...] | float


@dataclass(frozen=True)
class Changed:
    """The share of entries that a merge changes."""

    experts: Sequence[Part]
    least: float = 1e-3
    """Weights below this change nothing: what they add is lost in rounding."""

    def of(self, rows: Rows, domain: Domain) -> Array:
        """Return the share [n] at rows [n, d]."""
        same = np.ones((len(rows), 1))
        for part in self.experts:
            used = np.abs(_values(part.weights, rows, domain)) > self.least
            kept = np.clip(_values(part.densities, rows, domain), 0.0, 1.0)
            if used.shape[1] != kept.shape[1]:
                used, kept = used.mean(axis=1, keepdims=True), kept.mean(axis=1, keepdims=True)
            share = used * kept
            if share.shape[1] != same.shape[1] and 1 not in (share.shape[1], same.shape[1]):
                share, same = share.mean(axis=1, keepdims=True), same.mean(axis=1, keepdims=True)
            same = same * (1.0 - share)
        return np.asarray(1.0 - same.mean(axis=1))


def _values(names: tuple[str, ...] | float, rows: Rows, domain: Domain) -> Array:
    """Return the parameter's values [n, parts]; 1 where a row lacks it."""
    if isinstance(names, float):
        return np.full((len(rows), 1), names)
    return np.where(np.isnan(found := domain.values(rows, names)), 1.0, found)
