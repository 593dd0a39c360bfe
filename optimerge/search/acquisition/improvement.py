"""Noisy expected hypervolume improvement: what a point adds to a front that is itself uncertain.

As qNEHVI (Daulton, Balandat and Bakshy 2021, "Parallel Bayesian optimization of multiple noisy
objectives"): the values at all observed and pending points are drawn jointly, each draw has a front
of its own, and a candidate is worth its mean gain over the draws. The gain is taken along
directions instead of boxes (see `directions`), so that six objectives cost little more than two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

from optimerge.search.acquisition.directions import directions, gained, reach
from optimerge.search.surrogate.domain import Rows
from optimerge.search.surrogate.model import Model, ModelDraws

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Improvement:
    """The expected improvement by a candidate, given surrogates of all losses."""

    draws: Sequence[ModelDraws]
    """By objective; of losses."""
    reference: Array
    unit: Array
    along: Array
    best: Array
    """[s, k]: how far each draw's front reaches, to the power m."""
    normals: Array
    """[s, m]"""

    def __call__(self, rows: Rows) -> Array:
        """Return the expected improvement [a] of candidates [a, d], in units of the box."""
        m = len(self.draws)
        sides = np.empty((len(self.normals), len(rows), m))
        for place, draws in enumerate(self.draws):
            mean, deviation = draws.at(rows)
            loss = mean + self.normals[:, place, None] * deviation
            sides[..., place] = (self.reference[place] - loss) / self.unit[place]
        gain = np.zeros(len(rows))
        for own, best in zip(sides, self.best, strict=True):
            gain += gained(own, self.along, best)
        return gain / len(self.normals)


def improvement(
    models: Sequence[Model],
    pending: Rows,
    reference: Array,
    feasible: NDArray[np.bool_],
    rng: np.random.Generator,
    samples: int = 32,
    count: int = 128,
) -> Improvement:
    """Prepare the improvement over what is observed and what is pending (rows [p, d]).

    `feasible` [n]: which observed points may be on the front.
    """
    m, n = len(models), len(models[0].process.values)
    size = (samples, n + len(pending))
    draws = [model.draws(pending, rng.standard_normal(size)) for model in models]
    losses = np.stack([d.values for d in draws], axis=-1)
    counted = np.append(feasible, np.ones(len(pending), dtype=np.bool_))
    losses = losses[:, counted]
    low = losses.min(axis=(0, 1)) if losses.size else reference - 1.0
    unit = np.where(reference > low, reference - low, 1.0)
    along = directions(m, count, int(rng.integers(2**31)))
    sides = (reference - losses) / unit
    reached = np.stack([reach(own, along).max(axis=0, initial=0.0) for own in sides])
    uniform = qmc.Sobol(m, rng=rng).random(samples)
    normals = np.asarray(ndtri(np.clip(uniform, 1e-6, 1 - 1e-6)))
    return Improvement(draws, reference, unit, along, reached**m, normals)
