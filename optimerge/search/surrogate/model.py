"""The surrogate of one objective over rows of a domain: features, trend and process in one."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimerge.search.surrogate.domain import Domain, Rows
from optimerge.search.surrogate.features import Features
from optimerge.search.surrogate.fit import fit
from optimerge.search.surrogate.gp import Draws, GaussianProcess
from optimerge.search.surrogate.kernel import Groups, Inputs
from optimerge.search.surrogate.trends import Changed

Array = NDArray[np.float64]

_EXACT = 1e-6
"""Noise variance of a value that is only supposed, in units of the observed variance."""


@dataclass(frozen=True)
class Model:
    """A fitted surrogate."""

    features: Features
    trend: Changed | None
    process: GaussianProcess
    main_effects: bool = True

    def posterior(self, rows: Rows) -> tuple[Array, Array]:
        """Return mean [a] and variance [a] of the noiseless value at rows [a, d]."""
        return self.process.posterior(self.inputs(rows), self.level(rows))

    def draws(self, pending: Rows, normals: Array) -> "ModelDraws":
        """Draw values at the observed and the pending rows [p, d]; `normals` [s, n + p]."""
        where = self.inputs(pending)
        return ModelDraws(self, self.process.draws(where, self.level(pending), normals))

    def given(self, rows: Rows) -> "Model":
        """Return the surrogate as if rows [p, d] had been evaluated and come out as predicted.

        So variances round them become what they will be (they do not depend on the values), and
        means stay (the "Kriging believer" of Ginsbourger, Le Riche and Carraro 2010).
        """
        if len(rows) == 0:
            return self
        process, where, means = self.process, self.inputs(rows), self.level(rows)
        supposed, _ = process.posterior(where, means)
        more = replace(
            process,
            inputs=process.inputs.with_others(where),
            values=np.append(process.values, (supposed - process.centre) / process.unit),
            noise=np.append(process.noise, np.full(len(rows), _EXACT)),
            trend=np.concatenate([process.trend, means]),
        )
        return replace(self, process=more)

    def inputs(self, rows: Rows) -> Inputs:
        """Return rows as the kernel sees them."""
        return _inputs(self.features, rows, self.main_effects)

    def level(self, rows: Rows) -> Array:
        """Return what the mean is a combination of [a, t]."""
        return level(self.trend, rows, self.features.domain)


@dataclass(frozen=True)
class ModelDraws:
    """Joint draws of a surrogate."""

    model: Model
    draws: Draws

    @property
    def values(self) -> Array:
        """The drawn values [s, n + p]."""
        return self.draws.values

    def at(self, rows: Rows) -> tuple[Array, Array]:
        """Return, given each draw, the value's mean [s, a] and deviation [a] at rows [a, d]."""
        return self.draws.at(self.model.inputs(rows), self.model.level(rows))


def fit_model(
    rows: Rows,
    values: Array,
    known: Array | None,
    domain: Domain,
    trend: Changed | None = None,
    *,
    families: bool = True,
    main_effects: bool = True,
) -> Model:
    """Fit a surrogate to values [n] at rows [n, d] with noise variances [n], NaN where unknown.

    Where the domain has families the one of two kernels is taken that the data speak for: a length
    scale a dimension, or two a family.
    """
    if known is not None:
        seen = np.isfinite(known)
        known = np.where(seen, known, known[seen].mean()) if seen.any() else None
    few = len(rows) < 2 * len(domain.names)
    kinds = [Features(domain, by_family=True)] if families else []
    if not families or (domain.family_columns and not few):
        kinds.append(Features(domain, by_family=False))
    means = level(trend, rows, domain)
    fitted = []
    for kind in kinds:
        inputs = _inputs(kind, rows, main_effects)
        groups = Groups(kind.scales, kind.scales_of_main[: inputs.main.shape[1]])
        process = fit(inputs, groups, values, known, means)
        fitted.append(Model(kind, trend, process, main_effects))
    return min(fitted, key=lambda model: model.process.loss)


def _inputs(features: Features, rows: Rows, main_effects: bool) -> Inputs:
    main = features.main(rows) if main_effects else np.empty((len(rows), 0))
    return Inputs(features.of(rows), main)


def level(trend: Changed | None, rows: Rows, domain: Domain) -> Array:
    """Return what a mean is a combination of [a, t]: a constant, and the trend."""
    ones = np.ones((len(rows), 1))
    return ones if trend is None else np.hstack([ones, trend.of(rows, domain)[:, None]])
