"""The surrogates of one proposal: one an output, all over the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimerge.search.surrogate import model
from optimerge.search.surrogate.domain import Domain

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """Independent surrogates of k outputs."""

    outputs: Sequence[model.Model]

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Return mean [n, k] and variance [n, k] of the noiseless outputs at rows [n, d]."""
        found = [output.posterior(rows) for output in self.outputs]
        return np.stack([f[0] for f in found], axis=1), np.stack([f[1] for f in found], axis=1)

    def given(self, rows: Array) -> "Model":
        """Return the model as if rows [p, d] had been evaluated and come out as predicted."""
        return Model([output.given(rows) for output in self.outputs])


def fit_model(rows: Array, outputs: Array, variances: Array, domain: Domain) -> Model:
    """Fit outputs [n, k] at rows [n, d]; variances [n, k] of their noise are NaN where unknown."""
    return Model(
        [
            model.fit_model(rows, values, noise, domain)
            for values, noise in zip(outputs.T, variances.T, strict=True)
        ]
    )
