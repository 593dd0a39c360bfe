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
    """Logarithms of length scales [g] and of variances: of the signal, of main effects, of noise."""

    scales: Array
    signal: float
    main: float
    share: float
    extra: float

    @property
    def vector(self) -> Array:
        """All of it in one array."""
        return np.append(self.scales, [self.signal, self.main, self.share, self.extra])

    @staticmethod
    def of(vector: Array) -> "Hyper":
        """Return the record that `vector` came from."""
        return Hyper(vector[:-4], *map(float, vector[-4:]))


@dataclass(frozen=True)
class Inputs:
    """Points as the kernel sees them: features [n, f], and what each does alone [n, b]."""

    features: Array
    main: Array

    def __len__(self) -> int:
        """The number of points."""
        return len(self.features)

    def with_others(self, others: "Inputs") -> "Inputs":
        """Return these points and others."""
        return Inputs(
            np.concatenate([self.features, others.features]),
            np.concatenate([self.main, others.main]),
        )

    def __getitem__(self, places: NDArray[np.int64]) -> "Inputs":
        """Return some of the points."""
        return Inputs(self.features[places], self.main[places])


@dataclass(frozen=True)
class Groups:
    """Which length scale each column of the inputs has."""

    features: NDArray[np.int64]
    main: NDArray[np.int64]


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process over points, of values that were standardised."""

    inputs: Inputs
    group: Groups
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

    def kernel(self, one: Inputs, other: Inputs) -> Array:
        """Return the prior covariance [a, b] of points a and b."""
        weights = np.exp(-self.hyper.scales)
        near, alone = weights[self.group.features], weights[self.group.main]
        shape = _matern(_distances(one.features * near, other.features * near))
        effects = (one.main * alone) @ (other.main * alone).T
        return np.asarray(np.exp(self.hyper.signal) * shape + np.exp(self.hyper.main) * effects)

    def variance(self, where: Inputs) -> Array:
        """Return the prior variance [a] at points."""
        alone = np.exp(-self.hyper.scales)[self.group.main]
        effects = ((where.main * alone) ** 2).sum(axis=1)
        return np.asarray(np.exp(self.hyper.signal) + np.exp(self.hyper.main) * effects)

    @cached_property
    def _prior(self) -> Array:
        return self.kernel(self.inputs, self.inputs)

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

    def posterior(self, where: Inputs, trend: Array) -> tuple[Array, Array]:
        """Return mean [a] and variance [a] of the noiseless value at some points."""
        cross = self.kernel(where, self.inputs)
        mean = trend @ self.slopes + cross @ self._pull
        half = solve_triangular(self._observed[0], cross.T, lower=True)
        variance = self.variance(where) - np.einsum("ij,ij->j", half, half)
        least = JITTER * np.exp(self.hyper.signal)
        return self.centre + self.unit * mean, self.unit**2 * np.maximum(variance, least)

    def draws(self, extra: Inputs, trend: Array, normals: Array) -> "Draws":
        """Draw noiseless values at the observed and some extra points, jointly.

        `normals` [s, n + a] are standard normal. The extra ones are points that are still scored.
        """
        everywhere = self.inputs.with_others(extra)
        level = np.concatenate([self.trend, trend]) @ self.slopes
        prior = self.kernel(everywhere, everywhere)
        cross = prior[:, : len(self.inputs)]
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
    points: Inputs
    drawn: Array
    """[s, n], standardised."""
    weights: Array
    """[n, s]: of the kernel between a new point and these."""
    factor: Array

    @property
    def values(self) -> Array:
        """The drawn values [s, n] in the objective's units."""
        return self.process.centre + self.process.unit * self.drawn

    def at(self, where: Inputs, trend: Array) -> tuple[Array, Array]:
        """Return, given each draw, the value's mean [s, a] and deviation [a] at new points."""
        cross = self.process.kernel(where, self.points)
        mean = trend @ self.process.slopes + (cross @ self.weights).T
        half = solve_triangular(self.factor, cross.T, lower=True)
        left = self.process.variance(where) - np.einsum("ij,ij->j", half, half)
        return (
            self.process.centre + self.process.unit * mean,
            self.process.unit * np.sqrt(np.maximum(left, 0.0)),
        )


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
        scales, np.log(0.7), np.log(0.03), np.log(0.5), np.log(1e-3) if given else np.log(1e-2)
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
        distance = _distances(z, z)
        shape = _matern(distance)
        n = len(self.values)
        effects = b @ b.T
        total = signal * shape + main * effects
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
        """Normal priors of the logarithms: Hvarfner et al. 2024's, that grow with the dimensions."""
        middle = self.start.vector
        width = np.append(np.full(len(middle) - 4, 1.0), [1.0, 1.5, 1.0, 2.0])
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
