"""The default sampler: noisy expected hypervolume improvement over moves that a merger would try."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from optimerge.front.dominance import ranks
from optimerge.search.acquisition.improvement import Improvement, improvement
from optimerge.search.acquisition.pool import PoolSizes, search_pool
from optimerge.search.samplers.mmmo.history import History, key
from optimerge.search.surrogate.domain import Domain, Rows
from optimerge.search.surrogate.features import Features
from optimerge.search.surrogate.gp import GaussianProcess, fit
from optimerge.search.surrogate.trends import Changed

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """What of the sampler's parts is used; each was measured (docs/log.md)."""

    known_noise: bool = True
    families: bool = True
    draws: int = 32
    directions: int = 128
    elites: float = 0.2
    pool: PoolSizes = PoolSizes()


class Proposal:
    """One proposal: from a history to the next point."""

    def __init__(
        self,
        history: History,
        domain: Domain,
        corner: Array | None,
        settings: Settings,
        rng: np.random.Generator,
        trends: Sequence[Changed | None] = (),
    ) -> None:
        self.trends = [*trends, *[None] * (history.losses.shape[1] - len(trends))]
        self.history, self.domain, self.settings, self.rng = history, domain, settings, rng
        self.corner = observed_corner(history.losses) if corner is None else corner
        self.features = Features(domain, settings.families)
        self.observed = self.features.of(history.rows)
        self.processes = [self._fit(history.losses[:, k], k) for k in range(self._m)]
        self._ones = np.ones((len(history.rows), 1))
        self.limits = [
            fit(self.observed, self.features.scales, own, None, self._ones)
            for own in history.beyond.T
            if own.std() > 0
        ]

    @property
    def _m(self) -> int:
        return self.history.losses.shape[1]

    def row(self) -> Array:
        """Return the best row [d] that is not known yet."""
        gain = self._gain()
        sizes = self.settings.pool
        rows, worth = search_pool(
            self.domain, self._elites(), lambda rows: self._worth(gain, rows), self.rng, sizes
        )
        for row in rows:
            if key(self.domain.decode(row), self.domain) not in self.history.seen:
                return row
        return rows[0]

    def _fit(self, values: Array, objective: int) -> GaussianProcess:
        known = None
        if self.settings.known_noise:
            own = self.history.variances[:, objective]
            if np.isfinite(own).any():
                known = np.where(np.isfinite(own), own, np.nanmean(own))
        trend = self._trend(self.history.rows, objective)
        return fit(self.observed, self.features.scales, values, known, trend)

    def _trend(self, rows: Rows, objective: int) -> Array:
        found = self.trends[objective]
        ones = np.ones((len(rows), 1))
        if found is None:
            return ones
        return np.hstack([ones, found.of(rows, self.domain)[:, None]])

    def _all_trends(self, rows: Rows) -> list[Array]:
        return [self._trend(rows, place) for place in range(self._m)]

    def _gain(self) -> Improvement:
        pending = self.features.of(self.history.pending)
        return improvement(
            self.processes,
            pending,
            self._all_trends(self.history.pending),
            self.corner,
            self.history.feasible,
            self.rng,
            self.settings.draws,
            self.settings.directions,
        )

    def _worth(self, gain: Improvement, rows: Rows) -> Array:
        features = self.features.of(rows)
        worth = gain(features, self._all_trends(rows))
        for limit in self.limits:
            mean, variance = limit.posterior(features, np.ones((len(rows), 1)))
            worth = worth * ndtr(-mean / np.sqrt(variance))
        return worth

    def _elites(self) -> Rows:
        """Return the rows that are best by what the processes believe of them, feasible first."""
        trends = self._all_trends(self.history.rows)
        found = [
            p.posterior(self.observed, t)[0] for p, t in zip(self.processes, trends, strict=True)
        ]
        means = np.stack(found, axis=-1)
        rank = ranks(means) + 1_000 * ~self.history.feasible
        beyond = np.maximum(means - self.corner, 0.0).sum(axis=1)
        count = max(8, round(self.settings.elites * len(means)))
        return self.history.rows[np.lexsort((beyond, rank))[:count]]


def observed_corner(losses: Array) -> Array:
    """Return a reference [m] from losses [n, m] alone: the worst seen and a tenth of the range."""
    span = np.ptp(losses, axis=0)
    return np.asarray(losses.max(axis=0) + 0.1 * np.where(span > 0, span, 1.0))
