"""Fits a Gaussian process that is told how noisy each observation is.

Prior: a mean that is a line in what is known beforehand, a Matérn-5/2 kernel with a length scale a
group of features, and main effects of numbers (lines and bows, as the quadratic surrogates of MAP,
Li et al. 2025, without their products), which find a good direction from few trials. Observation i
has noise variance `share * known[i] + extra`: the items' variance is known, but the same items
score every candidate, so part of it is no noise between candidates; `share` is learned. Fitted by
the posterior mode (MAP) with exact gradients; Rasmussen and Williams 2006, chapter 5.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

from optimerge.search.surrogate.gp import GaussianProcess, slopes_of
from optimerge.search.surrogate.kernel import (
    JITTER,
    ROOT5,
    Groups,
    Hyper,
    Inputs,
    distances,
    matern,
)

Array = NDArray[np.float64]


def fit(
    inputs: Inputs,
    group: Groups,
    values: Array,
    known: Array | None,
    trend: Array,
    steps: int = 60,
    most: int = 300,
) -> GaussianProcess:
    """Fit a process to values [n] at n points whose noise variances [n] may be known.

    `trend` [n, t]: what the mean is a linear combination of, a constant first.

    The hyperparameters are fitted to at most `most` observations, the latest and best being as
    good as any: the first and every so-manyth; the posterior uses all.
    """
    centre, unit = float(values.mean()), float(values.std())
    unit = unit if unit > 1e-12 * max(1.0, abs(centre)) else 1.0
    scaled = (values - centre) / unit
    given = known is not None
    variances = np.zeros_like(values) if known is None else known / unit**2
    count = int(group.features.max()) + 1 if len(group.features) else 0
    kept = np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).astype(int))
    start = _start(count, given, float(variances.mean()))
    problem = _Problem(inputs[kept], group, scaled[kept], variances[kept], trend[kept], start)
    found, loss = problem.solve(steps)
    noise = np.exp(found.share) * variances + np.exp(found.extra)
    return GaussianProcess(inputs, group, scaled, noise, found, trend, loss, centre, unit)


def _start(count: int, given: bool, known: float) -> Hyper:
    scales = np.full(count, np.log(0.5) + 0.5 * np.log(max(count, 1) / 2.0))
    return Hyper(
        scales, np.log(0.7), np.log(0.1), np.log(0.5), np.log(1e-3) if given else np.log(1e-2)
    )


@dataclass(frozen=True)
class _Problem:
    """The negative logarithm of the posterior of the hyperparameters, and its gradient."""

    inputs: Inputs
    group: Groups
    values: Array
    known: Array
    trend: Array
    start: Hyper

    def solve(self, steps: int) -> tuple[Hyper, float]:
        begin = self.start.vector
        count = len(begin) - 4
        bounds = [(np.log(0.02), np.log(50.0))] * count
        bounds += [
            (np.log(0.02), np.log(20.0)),
            (np.log(1e-3), np.log(20.0)),
            (np.log(0.02), np.log(3.0)),
            (np.log(1e-6), np.log(1.0)),
        ]
        found = minimize(
            self.loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps}
        )
        return Hyper.of(found.x), float(found.fun)

    def loss(self, vector: Array) -> tuple[float, Array]:
        hyper = Hyper.of(vector)
        signal, main, share, extra = np.exp(vector[-4:])
        weights = np.exp(-hyper.scales)
        z = self.inputs.features * weights[self.group.features]
        b = self.inputs.main * weights[self.group.main]
        distance = distances(z, z)
        shape = matern(distance)
        n = len(self.values)
        effects = b @ b.T
        total = signal * shape + main * effects
        total[np.diag_indices(n)] += share * self.known + extra + JITTER * signal
        try:
            lower = cholesky(total, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(vector)
        inverse = cho_solve((lower, True), np.eye(n), check_finite=False)
        rest = self.values - self.trend @ slopes_of(self.trend, self.values, inverse @ self.trend)
        alpha = inverse @ rest
        loss = 0.5 * rest @ alpha + np.log(np.diag(lower)).sum()
        slope = 0.5 * (inverse - np.outer(alpha, alpha))
        # d shape / d log scale of a group = 5/3 (1 + root5 r) exp(-root5 r) * its share of r^2
        root = ROOT5 * np.sqrt(distance)
        pull = slope * signal * (5.0 / 3.0) * (1.0 + root) * np.exp(-root)
        spread = 2.0 * (pull.sum(axis=1) @ (z * z)) - 2.0 * np.einsum("if,if->f", z, pull @ z)
        pulled_main = (b * (slope @ b)).sum(axis=0)
        count = len(hyper.scales)
        by_scale = np.bincount(self.group.features, spread, minlength=count)
        by_scale -= 2.0 * main * np.bincount(self.group.main, pulled_main, minlength=count)
        diagonal = np.diag(slope)
        gradient = np.append(
            by_scale,
            [
                signal * ((slope * shape).sum() + JITTER * diagonal.sum()),
                main * pulled_main.sum(),
                share * (diagonal @ self.known),
                extra * diagonal.sum(),
            ],
        )
        prior, pulled = self._prior(vector)
        return float(loss + prior), gradient + pulled

    def _prior(self, vector: Array) -> tuple[float, Array]:
        """Normal priors of the logarithms; scales grow with dimensions (Hvarfner et al. 2024)."""
        middle = self.start.vector
        width = np.append(np.full(len(middle) - 4, 1.0), [1.0, 2.0, 1.0, 2.0])
        off = (vector - middle) / width
        return float(0.5 * off @ off), off / width
