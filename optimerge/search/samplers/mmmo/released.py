"""MM-MO's proposals as its released code makes them, with the faults that bear on what is proposed.

Source: github.com/aaron-di/MM-MO, mm-mo/mm_mo.py at 46e318a (re-derived, nothing copied).
Scores: larger is better.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from optimerge.search.acquisition.directions import directions
from optimerge.search.samplers.history import History, with_structure
from optimerge.search.samplers.mmmo.cells import undominated_cells
from optimerge.search.samplers.mmmo.climb import climb
from optimerge.search.samplers.mmmo.crossover import towards
from optimerge.search.samplers.mmmo.elites import best_by_sum
from optimerge.search.samplers.mmmo.improvement import directed_improvement, sampled_improvement
from optimerge.search.samplers.mmmo.model import Model, fit_model
from optimerge.search.samplers.mmmo.selection import least_known
from optimerge.search.surrogate.domain import Domain

Array = NDArray[np.float64]

FIRST, CANDIDATES, KEPT, ELITES, SAMPLES = 10, 10, 5, 5, 128
"""Uniform points to begin with; then per round candidates, of them evaluated; elites; draws."""


def released_round(
    history: History, domain: Domain, rng: np.random.Generator, percents: bool = True
) -> Array:
    """Return the rows [5, d] of a round, in the order in which they are evaluated.

    `percents`: take the first two scores times 100, as OpenCompass reports what we have as shares.
    """
    scores = -history.losses
    if percents:
        scores[:, :2] *= 100.0
    model = fit_model(history.rows, -z_scores(scores), np.full_like(scores, np.nan), domain)
    reference = raw_reference(scores[:FIRST])
    picked = np.empty((0, len(domain.names)))
    for _ in range(CANDIDATES):
        gain = Gain(model, history.rows, picked, -reference, rng)
        row, _ = climb(
            gain, lambda rows: with_structure(rows, history, domain), domain, picked[:0], rng
        )
        picked = np.concatenate((picked, row[None]))
    elites = history.rows[best_by_sum(scores, ELITES)]
    adjusted = towards(domain.filled(picked, rng), elites, domain.numeric, rng)
    adjusted = with_structure(adjusted, history, domain)
    return adjusted[least_known(model.predict(adjusted)[1], KEPT)]


def raw_reference(scores: Array) -> Array:
    """Return the reference point [m] of the first scores [n, m]: in raw units, which is the fault.

    It is the worst of each, times 0.9 if above 0 and 1.1 if below, and never changes after.
    """
    worst = scores.min(axis=0)
    return np.asarray(np.where(worst > 0, 0.9 * worst, 1.1 * worst))


def z_scores(scores: Array) -> Array:
    """Return scores [n, m] less their mean over their deviation.

    The released code divides by zero where a score does not vary (all NaN from there on): here 0.
    """
    deviation = scores.std(axis=0, ddof=1) if len(scores) > 1 else np.zeros(scores.shape[1])
    spread = np.where(deviation > 0, deviation, 1.0)
    return np.asarray((scores - scores.mean(axis=0)) / spread)


class Gain:
    """Joint expected hypervolume improvement of the picked rows and one more, by 128 draws.

    As qEHVI, sequential and greedy: the picked rows' outcomes are drawn too, and each draw has a
    front of its own; what does not depend on the one more is left out. The front is that of the
    predicted means at the evaluated rows. `reference` [m]: losses, taken as they come although
    the model's losses are negative z-scores.
    """

    def __init__(
        self, model: Model, rows: Array, picked: Array, reference: Array, rng: np.random.Generator
    ) -> None:
        self._reference, n = reference, len(rows) + len(picked)
        self._draws = [o.draws(picked, _normals(SAMPLES, n, rng)) for o in model.outputs]
        self._normals = _normals(SAMPLES, len(model.outputs), rng)
        front = model.predict(rows)[0]
        own = np.stack([d.values[:, len(rows) :] for d in self._draws], axis=-1)
        along = directions(len(reference), 64, int(rng.integers(2**31)))
        fronts = [np.vstack((front, drawn)) for drawn in own]
        self._won = [_won_over(each, reference, along) for each in fronts]

    def __call__(self, rows: Array) -> Array:
        """Return the gain [a] of each row [a, d]."""
        samples = []
        for draws, normals in zip(self._draws, self._normals.T, strict=True):
            mean, deviation = draws.at(rows)
            samples.append(mean + normals[:, None] * deviation)
        drawn = np.stack(samples, axis=-1)
        # the others win nothing
        inside = np.asarray((drawn < self._reference).all(axis=2), dtype=np.bool_)
        total = np.zeros(len(rows))
        for which in np.flatnonzero(inside.any(axis=1)):
            own = inside[which]
            total[own] += self._won[which](drawn[which, own])
        return total / SAMPLES


def _won_over(front: Array, reference: Array, along: Array) -> Callable[[Array], Array]:
    """Return what points win of hypervolume; of more than three objectives along directions."""
    if len(reference) <= 3:
        cells = undominated_cells(front, reference)
        return lambda points: sampled_improvement(points, cells)
    once = np.zeros((1, len(reference)))
    return lambda points: directed_improvement(
        points, np.zeros_like(points), front, reference, along, once
    )


def _normals(samples: int, count: int, rng: np.random.Generator) -> Array:
    """Return normal draws [samples, count], each column evenly spread over the quantiles."""
    order = rng.permuted(np.tile(np.arange(samples), (count, 1)), axis=1).T
    return np.asarray(ndtri((order + rng.uniform(1e-6, 1 - 1e-6, size=order.shape)) / samples))
