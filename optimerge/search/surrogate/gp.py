"""A Gaussian process of one objective that is told how noisy each observation is.

Prior: constant mean, Matérn-5/2 kernel with a length scale a group of features. Observation i has
noise variance `share * known[i] + extra`: the items' variance is known, but the same items score
every candidate, so part of it is no noise between candidates; `share` is learned. Fitted by the
posterior mode (MAP) with exact gradients; Rasmussen and Williams 2006, chapters 2 and 5.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

Array = NDArray[np.float64]
JITTER = 1e-7
ROOT5 = np.sqrt(5.0)


@dataclass(frozen=True)
class Hyper:
    """Logarithms of length scales [g], and of the signal's, the known and the extra noise's variance."""

    scales: Array
    signal: float
    share: float
    extra: float

    @property
    def vector(self) -> Array:
        """All of it in one array."""
        return np.append(self.scales, [self.signal, self.share, self.extra])

    @staticmethod
    def of(vector: Array) -> "Hyper":
        """Return the record that `vector` came from."""
        return Hyper(vector[:-3], *map(float, vector[-3:]))


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process over features [n, f], of values that were standardised."""

    features: Array
    group: NDArray[np.int64]
    values: Array
    """[n], mean 0 and deviation 1."""
    noise: Array
    """[n], the variance of each observation in units of the values."""
    hyper: Hyper
    trend: Array
    """[n, t], what the mean is a linear combination of; a constant first."""
    loss: float
    """The negative logarithm of the hyperparameters' posterior, less a constant."""
    centre: float = 0.0
    unit: float = 1.0

    def kernel(self, one: Array, other: Array) -> Array:
        """Return the prior covariance [a, b] of features [a, f] and [b, f]."""
        weights = np.exp(-self.hyper.scales)[self.group]
        return np.exp(self.hyper.signal) * _matern(_distances(one * weights, other * weights))

    @cached_property
    def _prior(self) -> Array:
        return self.kernel(self.features, self.features)

    @cached_property
    def _observed(self) -> tuple[Array, bool]:
        noisy = self._prior + np.diag(self.noise + JITTER * np.exp(self.hyper.signal))
        return cho_factor(noisy, lower=True)  # type: ignore[no-any-return]

    @cached_property
    def slopes(self) -> Array:
        """What the mean takes of each trend [t], the best given the covariance."""
        return _slopes(self.trend, self.values, cho_solve(self._observed, self.trend))

    @cached_property
    def _pull(self) -> Array:
        """The weights [n] of the kernel between a point and the observed ones, for its mean."""
        return cho_solve(self._observed, self.values - self.trend @ self.slopes)  # type: ignore[no-any-return]

    def posterior(self, features: Array, trend: Array) -> tuple[Array, Array]:
        """Return mean [a] and variance [a] of the noiseless value at features [a, f]."""
        cross = self.kernel(features, self.features)
        mean = trend @ self.slopes + cross @ self._pull
        half = solve_triangular(self._observed[0], cross.T, lower=True)
        variance = np.exp(self.hyper.signal) - np.einsum("ij,ij->j", half, half)
        least = JITTER * np.exp(self.hyper.signal)
        return self.centre + self.unit * mean, self.unit**2 * np.maximum(variance, least)

    def draws(self, extra: Array, trend: Array, normals: Array) -> "Draws":
        """Draw noiseless values at the observed and some extra features [a, f], jointly.

        `normals` [s, n + a] are standard normal. The extra ones are points that are still scored.
        """
        everywhere = np.concatenate([self.features, extra])
        level = np.concatenate([self.trend, trend]) @ self.slopes
        prior = self.kernel(everywhere, everywhere)
        cross = prior[:, : len(self.features)]
        mean = level + cross @ self._pull
        half = solve_triangular(self._observed[0], cross.T, lower=True)
        root = _root(prior - half.T @ half, np.exp(self.hyper.signal))
        drawn = mean + normals[:, : len(mean)] @ root.T
        factor = (_root(prior, np.exp(self.hyper.signal)), True)
        weights = cho_solve(factor, (drawn - level).T)
        return Draws(self, everywhere, drawn, weights, factor[0])


@dataclass(frozen=True)
class Draws:
    """Joint draws of a process at some points, and what follows for others."""

    process: GaussianProcess
    features: Array
    drawn: Array
    """[s, n], standardised."""
    weights: Array
    """[n, s]: of the kernel between a new point and these."""
    factor: Array

    @property
    def values(self) -> Array:
        """The drawn values [s, n] in the objective's units."""
        return self.process.centre + self.process.unit * self.drawn

    def at(self, features: Array, trend: Array) -> tuple[Array, Array]:
        """Return, given each draw, the value's mean [s, a] and deviation [a] at new features."""
        cross = self.process.kernel(features, self.features)
        mean = trend @ self.process.slopes + (cross @ self.weights).T
        half = solve_triangular(self.factor, cross.T, lower=True)
        left = np.exp(self.process.hyper.signal) - np.einsum("ij,ij->j", half, half)
        return (
            self.process.centre + self.process.unit * mean,
            self.process.unit * np.sqrt(np.maximum(left, 0.0)),
        )


def fit(
    features: Array,
    group: NDArray[np.int64],
    values: Array,
    known: Array | None,
    trend: Array,
    steps: int = 60,
    most: int = 300,
) -> GaussianProcess:
    """Fit a process to values [n] at features [n, f] whose noise variances [n] may be known.

    `trend` [n, t]: what the mean is a linear combination of, a constant first.

    The hyperparameters are fitted to at most `most` observations, the latest and best being as
    good as any: the first and every so-manyth; the posterior uses all.
    """
    centre, unit = float(values.mean()), float(values.std())
    unit = unit if unit > 1e-12 * max(1.0, abs(centre)) else 1.0
    scaled = (values - centre) / unit
    given = known is not None
    variances = np.zeros_like(values) if known is None else known / unit**2
    count = int(group.max()) + 1 if len(group) else 0
    kept = np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).astype(int))
    start = _start(count, given, float(variances.mean()))
    problem = _Problem(features[kept], group, scaled[kept], variances[kept], trend[kept], start)
    found, loss = problem.solve(steps)
    noise = np.exp(found.share) * variances + np.exp(found.extra)
    return GaussianProcess(features, group, scaled, noise, found, trend, loss, centre, unit)


def _start(count: int, given: bool, known: float) -> Hyper:
    scales = np.full(count, np.log(0.5) + 0.5 * np.log(max(count, 1) / 2.0))
    return Hyper(scales, 0.0, np.log(0.5), np.log(1e-3) if given else np.log(1e-2))


@dataclass(frozen=True)
class _Problem:
    """The negative logarithm of the posterior of the hyperparameters, and its gradient."""

    features: Array
    group: NDArray[np.int64]
    values: Array
    known: Array
    trend: Array
    start: Hyper

    def solve(self, steps: int) -> tuple[Hyper, float]:
        begin = self.start.vector
        count = len(begin) - 3
        bounds = [(np.log(0.02), np.log(50.0))] * count
        bounds += [
            (np.log(0.05), np.log(20.0)),
            (np.log(0.02), np.log(3.0)),
            (np.log(1e-6), np.log(1.0)),
        ]
        found = minimize(
            self.loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps}
        )
        return Hyper.of(found.x), float(found.fun)

    def loss(self, vector: Array) -> tuple[float, Array]:
        hyper = Hyper.of(vector)
        signal, share, extra = np.exp([hyper.signal, hyper.share, hyper.extra])
        weights = np.exp(-hyper.scales)[self.group]
        z = self.features * weights
        distance = _distances(z, z)
        shape = _matern(distance)
        n = len(self.values)
        total = signal * shape
        total[np.diag_indices(n)] += share * self.known + extra + JITTER * signal
        try:
            lower = cholesky(total, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(vector)
        inverse = cho_solve((lower, True), np.eye(n), check_finite=False)
        rest = self.values - self.trend @ _slopes(self.trend, self.values, inverse @ self.trend)
        alpha = inverse @ rest
        loss = 0.5 * rest @ alpha + np.log(np.diag(lower)).sum()
        slope = 0.5 * (inverse - np.outer(alpha, alpha))
        # d shape / d log scale of a group = 5/3 (1 + root5 r) exp(-root5 r) * its share of r^2
        root = ROOT5 * np.sqrt(distance)
        pull = slope * signal * (5.0 / 3.0) * (1.0 + root) * np.exp(-root)
        spread = 2.0 * (pull.sum(axis=1) @ (z * z)) - 2.0 * np.einsum("if,if->f", z, pull @ z)
        by_scale = np.bincount(self.group, spread, minlength=len(hyper.scales))
        diagonal = np.diag(slope)
        gradient = np.append(
            by_scale,
            [
                signal * ((slope * shape).sum() + JITTER * diagonal.sum()),
                share * (diagonal @ self.known),
                extra * diagonal.sum(),
            ],
        )
        prior, pulled = self._prior(vector)
        return float(loss + prior), gradient + pulled

    def _prior(self, vector: Array) -> tuple[float, Array]:
        """Normal priors of the logarithms: Hvarfner et al. 2024's, that grow with the dimensions."""
        middle = self.start.vector
        width = np.append(np.full(len(middle) - 3, 1.0), [1.0, 1.0, 2.0])
        off = (vector - middle) / width
        return float(0.5 * off @ off), off / width


def _slopes(trend: Array, values: Array, solved: Array) -> Array:
    """Return the generalised least squares fit [t] of values [n]; `solved` is inverse @ trend."""
    found = np.linalg.lstsq(trend.T @ solved, solved.T @ values, rcond=1e-10)[0]
    return np.asarray(found)


def _distances(one: Array, other: Array) -> Array:
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2.0 * one @ other.T
    return np.maximum(squares, 0.0)


def _matern(distances: Array) -> Array:
    """Return the Matérn-5/2 correlation of squared distances."""
    root = ROOT5 * np.sqrt(distances)
    return (1.0 + root + root**2 / 3.0) * np.exp(-root)


def _root(covariance: Array, signal: float) -> Array:
    """Return a lower Cholesky factor, with as little added to the diagonal as it needs."""
    jitter = JITTER * signal
    while True:
        try:
            return cholesky(  # type: ignore[no-any-return]
                covariance + jitter * np.eye(len(covariance)), lower=True, check_finite=False
            )
        except np.linalg.LinAlgError:
            jitter *= 10.0
