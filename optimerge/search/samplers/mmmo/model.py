"""The surrogates of one proposal: a Gaussian process an output, all over the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimerge.search.surrogate.domain import Domain
from optimerge.search.surrogate.features import Features
from optimerge.search.surrogate.gp import GaussianProcess, fit

Array = NDArray[np.float64]

_EXACT = 1e-6
"""Noise variance of a value that is only supposed, in units of the observed variance."""


@dataclass(frozen=True)
class Model:
    """Independent processes of k outputs."""

    features: Features
    processes: Sequence[GaussianProcess]

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Return mean [n, k] and variance [n, k] of the noiseless outputs at rows [n, d]."""
        found = [process.posterior(self.features.of(rows)) for process in self.processes]
        return np.stack([f[0] for f in found], axis=1), np.stack([f[1] for f in found], axis=1)

    def given(self, rows: Array) -> "Model":
        """Return the model as if rows [p, d] had been evaluated and come out as predicted.

        So variances round them become what they will be (they do not depend on the values), and
        means stay (the "Kriging believer" of Ginsbourger, Le Riche and Carraro 2010).
        """
        if len(rows) == 0:
            return self
        features = self.features.of(rows)
        return replace(self, processes=[_believing(p, features) for p in self.processes])


def fit_model(rows: Array, outputs: Array, variances: Array, domain: Domain) -> Model:
    """Fit outputs [n, k] at rows [n, d]; variances [n, k] of their noise are NaN where unknown.

    An output for which no variance is known has noise of an unknown variance; where some are
    known, the others are taken for their median.
    """
    features = Features(domain)
    seen = features.of(rows)
    processes = []
    for values, noise in zip(outputs.T, variances.T, strict=True):
        known = np.isfinite(noise)
        given = np.where(known, noise, np.median(noise[known])) if known.any() else None
        processes.append(fit(seen, features.scales, values, given))
    return Model(features, processes)


def _believing(process: GaussianProcess, features: Array) -> GaussianProcess:
    mean, _ = process.posterior(features)
    return replace(
        process,
        features=np.concatenate((process.features, features)),
        values=np.append(process.values, (mean - process.centre) / process.unit),
        noise=np.append(process.noise, np.full(len(features), _EXACT)),
    )
