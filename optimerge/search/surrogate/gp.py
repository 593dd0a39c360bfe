"""A Gaussian process of one objective, given its hyperparameters; see `fit` for those.

Rasmussen and Williams 2006, chapter 2.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular

from optimerge.search.surrogate.factor import lower_factor
from optimerge.search.surrogate.kernel import JITTER, Groups, Hyper, Inputs, distances, matern

Array = NDArray[np.float64]


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
        shape = matern(distances(one.features * near, other.features * near))
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
        return lower_factor(self._prior, np.exp(self.hyper.signal), self.noise), True

    @cached_property
    def slopes(self) -> Array:
        """What the mean takes of each trend [t], the best given the covariance."""
        return slopes_of(self.trend, self.values, cho_solve(self._observed, self.trend))

    @cached_property
    def _pull(self) -> Array:
        """The weights [n] of the kernel between a point and the observed ones, for its mean."""
        pull: Array = cho_solve(self._observed, self.values - self.trend @ self.slopes)
        return pull

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
        root = lower_factor(prior - half.T @ half, np.exp(self.hyper.signal))
        drawn = mean + normals[:, : len(mean)] @ root.T
        factor = (lower_factor(prior, np.exp(self.hyper.signal)), True)
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


def slopes_of(trend: Array, values: Array, solved: Array) -> Array:
    """Return the generalised least squares fit [t] of values [n]; `solved` is inverse @ trend."""
    found = np.linalg.lstsq(trend.T @ solved, solved.T @ values, rcond=1e-10)[0]
    return np.asarray(found)
