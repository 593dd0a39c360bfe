"""MM-MO's proposals with the released code's faults mended; each part can be left out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from optimerge.search.acquisition.directions import directions
from optimerge.search.samplers.history import History, key, with_structure
from optimerge.search.samplers.mmmo.cells import undominated_cells
from optimerge.search.samplers.mmmo.climb import climb
from optimerge.search.samplers.mmmo.crossover import towards
from optimerge.search.samplers.mmmo.elites import best_by_contribution
from optimerge.search.samplers.mmmo.improvement import directed_improvement, expected_improvement
from optimerge.search.samplers.mmmo.model import Model, fit_model
from optimerge.search.samplers.mmmo.selection import least_known_together
from optimerge.search.samplers.tamed import observed_corner, tamed
from optimerge.search.surrogate.domain import Domain

Array = NDArray[np.float64]

_EXACT = 3
"""Objectives up to which the improvement is exact: for more there are too many cells."""
_TRIES = 100
"""How often a point that was there already is drawn anew: of few points soon all were there."""


@dataclass(frozen=True)
class Parts:
    """What a round consists of."""

    acquisition: bool = True
    """Candidates maximise the expected hypervolume improvement; else they are uniform."""
    weak_to_strong: bool = True
    """Candidates are crossed with elites."""
    fisher: bool = True
    """The candidates about which least is known are kept; else the first, best by acquisition."""
    candidates: int = 10
    kept: int = 5
    elites: int = 5


class Round:
    """One round: from a history to the points to evaluate next."""

    def __init__(
        self,
        history: History,
        domain: Domain,
        reference: Array | None,
        parts: Parts,
        rng: np.random.Generator,
    ) -> None:
        self.history, self.domain, self.parts, self.rng = history, domain, parts, rng
        self._losses = losses = tamed(history.losses, reference)
        self._m = losses.shape[1]
        self._unit = _unit(losses)
        self._corner = self._scaled(observed_corner(losses) if reference is None else reference)
        outputs = np.concatenate((self._scaled(losses), history.beyond), axis=1)
        unknown = np.full_like(history.beyond, np.nan)
        noise = np.concatenate((history.variances / self._unit**2, unknown), axis=1)
        self.model = fit_model(history.rows, outputs, noise, domain).given(history.pending)
        self._along = directions(self._m, 128, int(rng.integers(2**31)))
        self._normals = rng.standard_normal((32, self._m))
        means, _ = self.model.predict(history.rows)
        good = history.feasible if history.feasible.any() else np.ones(len(losses), dtype=np.bool_)
        self._good, self._front = history.rows[good], means[good, : self._m]

    def rows(self) -> Array:
        """Return at most `kept` rows [k, d], none of which was there before, the first first."""
        pool = self._acquired() if self.parts.acquisition else self._drawn(self.parts.candidates)
        if self.parts.weak_to_strong:
            filled = self.domain.filled(pool, self.rng)  # another method has other dimensions
            best = best_by_contribution(self._front, self._corner, self.parts.elites)
            pool = towards(filled, self._good[best], self.domain.numeric, self.rng)
        pool = self._unknown(self._complete(pool))
        if self.parts.fisher:
            pool = pool[least_known_together(pool, self._variances_given, self.parts.kept)]
        return pool[: self.parts.kept]

    def _acquired(self) -> Array:
        """Return candidates, each the best given that those before it come out as predicted."""
        model, front = self.model, self._front
        if len(self.history.pending):
            front = np.vstack((front, model.predict(self.history.pending)[0][:, : self._m]))
        picked: list[Array] = []
        for _ in range(self.parts.candidates):
            row = self._best(model, front)
            picked.append(row)
            front = np.vstack((front, model.predict(row[None])[0][:, : self._m]))
            model = model.given(row[None])
        return np.array(picked)

    def _best(self, model: Model, front: Array) -> Array:
        row, worth = self._climbed(model, front, self._corner)
        if worth > 0:
            return row
        # Nothing that the model thinks possible is better than the reference: look for what comes
        # nearest, that is, better than the worst seen.
        wide = np.maximum(self._corner, observed_corner(front))
        return self._climbed(model, front, wide)[0]

    def _climbed(self, model: Model, front: Array, corner: Array) -> tuple[Array, float]:
        worth = self._worth(model, front, corner)
        return climb(worth, self._complete, self.domain, self._good, self.rng)

    def _worth(self, model: Model, front: Array, corner: Array) -> Callable[[Array], Array]:
        """Return expected improvement times the probability that all constraints are kept."""
        m, improvement = self._m, self._improvement(front, corner)

        def worth(rows: Array) -> Array:
            mean, variance = model.predict(rows)
            gain = improvement(mean[:, :m], variance[:, :m])
            kept = ndtr(-mean[:, m:] / np.sqrt(variance[:, m:])).prod(axis=1)
            return np.asarray(gain * kept)

        return worth

    def _improvement(self, front: Array, corner: Array) -> Callable[[Array, Array], Array]:
        if self._m <= _EXACT:
            cells = undominated_cells(front, corner)
            return lambda mean, variance: expected_improvement(mean, variance, cells)
        along, normals = self._along, self._normals
        return lambda mean, variance: directed_improvement(
            mean, variance, front, corner, along, normals
        )

    def _unknown(self, pool: Array) -> Array:
        """Replace rows whose point was there, or is twice in the pool, by uniform draws.

        Where draws find nothing new, such rows are left out; of a space that is used up they stay.
        """
        seen = set(self.history.seen)
        fresh: list[Array] = []
        for row in pool:
            drawn = (row, *self._drawn(_TRIES))
            points = [key(self.domain.decode(each), self.domain) for each in drawn]
            new = next((i for i, point in enumerate(points) if point not in seen), None)
            if new is not None:
                seen.add(points[new])
                fresh.append(drawn[new])
        return np.array(fresh) if fresh else pool

    def _drawn(self, count: int) -> Array:
        blank = np.full((count, len(self.domain.names)), np.nan)
        return self._complete(self.domain.filled(blank, self.rng))

    def _complete(self, rows: Array) -> Array:
        return with_structure(rows, self.history, self.domain)

    def _variances_given(self, rows: Array, taken: Array) -> Array:
        return self.model.given(taken).predict(rows)[1][:, : self._m]

    def _scaled(self, losses: Array) -> Array:
        return np.asarray((losses - self._losses.mean(axis=0)) / self._unit)


def _unit(losses: Array) -> Array:
    """Return the deviation [m] of each loss, 1 where all are the same but for rounding."""
    deviation, size = losses.std(axis=0), np.abs(losses).max(axis=0)
    return np.asarray(np.where(deviation > 1e-12 * size, deviation, 1.0))
