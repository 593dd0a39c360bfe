"""One proposal: the largest noisy expected hypervolume improvement among likely moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from optimerge.front.dominance import ranks
from optimerge.search.acquisition.improvement import Improvement, improvement
from optimerge.search.acquisition.pool import PoolSizes, search_pool, uniform
from optimerge.search.samplers.history import History, key
from optimerge.search.samplers.tamed import observed_corner, tamed
from optimerge.search.surrogate.domain import Domain, Rows
from optimerge.search.surrogate.model import Model, fit_model
from optimerge.search.surrogate.trends import Changed

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """What of the sampler's parts is used; each can be left out, to measure what it is worth."""

    known_noise: bool = True
    known_sparsity: bool = True
    families: bool = True
    main_effects: bool = True
    moves: bool = True
    draws: int = 64
    directions: int = 128
    elites: float = 0.2
    pool: PoolSizes = field(default_factory=PoolSizes)


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
        self.history, self.domain, self.settings, self.rng = history, domain, settings, rng
        seen = tamed(history.losses, corner)
        self.corner = observed_corner(seen) if corner is None else corner
        self._seen = seen
        given = trends if settings.known_sparsity else ()
        known = [*given, *[None] * (seen.shape[1] - len(given))]
        self.models = [
            fit_model(
                history.rows,
                losses,
                noise if settings.known_noise else None,
                domain,
                trend,
                families=settings.families,
                main_effects=settings.main_effects,
            )
            for losses, noise, trend in zip(seen.T, history.variances.T, known, strict=True)
        ]
        self.limits = [
            fit_model(history.rows, own, None, domain)
            for own in history.beyond.T
            if np.ptp(own) > 0
        ]
        if len(history.failed):
            self.limits.append(_failure(history, domain))

    def row(self) -> Array:
        """Return the best row [d] that is not known yet."""
        rows, worth = self._found(self.corner)
        if worth[0] <= 0:
            # Nothing that is thought possible is better than the reference: look for what comes
            # nearest, that is, better than the worst seen.
            rows, _ = self._found(np.maximum(self.corner, observed_corner(self._seen)))
        for row in rows:
            if self._new(row):
                return np.asarray(row)
        anywhere = self.domain.snapped(uniform(self.domain, 512, self.rng))
        fresh = [row for row in anywhere if self._new(row)]
        if not fresh:
            return np.asarray(rows[0])
        return np.asarray(
            fresh[int(np.argmax(self._worth(self._gain(self.corner), np.array(fresh))))]
        )

    def _new(self, row: Array) -> bool:
        return key(self.domain.decode(row), self.domain) not in self.history.seen

    def _found(self, corner: Array) -> tuple[Rows, Array]:
        gain = self._gain(corner)
        sizes = self.settings.pool
        return search_pool(
            self.domain, self._elites(), lambda rows: self._worth(gain, rows), self.rng, sizes
        )

    def _gain(self, corner: Array) -> Improvement:
        return improvement(
            self.models,
            self.history.pending,
            corner,
            self.history.feasible,
            self.rng,
            self.settings.draws,
            self.settings.directions,
        )

    def _worth(self, gain: Improvement, rows: Rows) -> Array:
        worth = gain(rows)
        for limit in self.limits:
            mean, variance = limit.posterior(rows)
            worth = worth * ndtr(-mean / np.sqrt(variance))
        return worth

    def _elites(self) -> Rows:
        """Return the rows that are best by what the surrogates believe of them, feasible first."""
        if not self.settings.moves:
            return self.domain.snapped(uniform(self.domain, 64, self.rng))
        means = np.stack([m.posterior(self.history.rows)[0] for m in self.models], axis=-1)
        rank = ranks(means) + 1_000 * ~self.history.feasible
        beyond = np.maximum(means - self.corner, 0.0).sum(axis=1)
        count = max(8, round(self.settings.elites * len(means)))
        return self.history.rows[np.lexsort((beyond, rank))[:count]]


def _failure(history: History, domain: Domain) -> Model:
    """Return a surrogate of failing: 1 where trials failed, -1 where they were scored."""
    rows = np.concatenate([history.rows, history.failed])
    outcome = np.append(-np.ones(len(history.rows)), np.ones(len(history.failed)))
    return fit_model(rows, outcome, None, domain)
