"""The process: right gradients, honest variances, noise as told, robust to odd values."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal

from optimerge.search.surrogate.domain import Domain
from optimerge.search.surrogate.fit import _Problem, _start
from optimerge.search.surrogate.kernel import Groups, Inputs
from optimerge.search.surrogate.model import Model, fit_model
from optimerge.search.surrogate.trends import Changed, Part

Array = NDArray[np.float64]


def domain(dimensions: int, families: bool = False) -> Domain:
    names = [f"x{i:02}" for i in range(dimensions)]
    return Domain({n: FloatDistribution(0.0, 1.0) for n in names}, families=[names] * families)


def problem(noise: float = 0.01) -> _Problem:
    rng = np.random.default_rng(0)
    inputs = Inputs(rng.random((18, 4)), rng.normal(size=(18, 6)))
    groups = Groups(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 0, 1, 2]))
    trend = np.column_stack([np.ones(18), rng.random(18)])
    start = _start(3, True, noise)
    return _Problem(inputs, groups, rng.normal(size=18), np.full(18, noise), trend, start)


def test_the_gradient_is_that_of_the_loss() -> None:
    made = problem()
    vector = made.start.vector + np.random.default_rng(1).normal(size=7) * 0.3
    measured = approx_fprime(vector, lambda v: made.loss(v)[0], 1e-6)
    np.testing.assert_allclose(made.loss(vector)[1], measured, rtol=1e-4, atol=1e-3)


def smooth(rows: Array) -> Array:
    return np.asarray(np.sin(4 * rows[:, 0]) + rows[:, 1] ** 2)


def fitted(
    count: int, noise: float, known: bool = True, of: Callable[[Array], Array] = smooth
) -> tuple[Model, Array]:
    rng = np.random.default_rng(3)
    rows = rng.random((count, 4))
    values = of(rows) + rng.normal(size=count) * noise
    told = np.full(count, noise**2) if known else None
    return fit_model(rows, values, told, domain(4)), rows


def test_what_was_seen_without_noise_is_believed() -> None:
    model, rows = fitted(30, 0.0)
    mean, variance = model.posterior(rows)
    np.testing.assert_allclose(mean, smooth(rows), atol=0.02)
    assert variance.max() < 0.01


def test_predictions_are_good_and_their_deviations_honest() -> None:
    model, _ = fitted(60, 0.05)
    rows = np.random.default_rng(9).random((300, 4))
    mean, variance = model.posterior(rows)
    error = mean - smooth(rows)
    assert error.std() < 0.15 * smooth(rows).std()
    standard = error / np.sqrt(variance)
    assert 0.5 < standard.std() < 1.6


def test_dimensions_that_do_not_matter_get_long_scales() -> None:
    model, _ = fitted(60, 0.02)
    scales = model.process.hyper.scales
    assert scales[:2].max() < scales[2:].min()


def test_a_noisy_observation_counts_for_less() -> None:
    rows = np.array([[0.5] * 4, [0.5, 0.5, 0.5, 0.51], *np.random.default_rng(0).random((20, 4))])
    values = np.append([1.0, -1.0], np.zeros(20))
    told = np.append([1e-6, 4.0], np.full(20, 1e-4))
    mean, _ = fit_model(rows, values, told, domain(4)).posterior(rows[:1])
    swapped = np.append([4.0, 1e-6], np.full(20, 1e-4))
    other, _ = fit_model(rows, values, swapped, domain(4)).posterior(rows[:1])
    assert mean[0] > 0.3
    assert other[0] < -0.3


@pytest.mark.parametrize("values", [0.0, 1e49, -3e-12])
def test_constant_values_are_predicted(values: float) -> None:
    rows = np.random.default_rng(0).random((8, 4))
    model = fit_model(rows, np.full(8, values), None, domain(4))
    mean, variance = model.posterior(np.random.default_rng(1).random((5, 4)))
    np.testing.assert_allclose(mean, values, rtol=1e-6, atol=1e-9)
    assert np.isfinite(variance).all()


def test_equal_rows_and_huge_outliers_do_not_break_it() -> None:
    rows = np.repeat(np.random.default_rng(0).random((5, 4)), 4, axis=0)
    values = np.append(np.arange(19.0), 1e50)
    mean, variance = fit_model(rows, values, np.zeros(20), domain(4)).posterior(rows)
    assert np.isfinite(mean).all()
    assert (variance > 0).all()


def test_joint_draws_have_the_mean_and_covariance_of_the_posterior() -> None:
    model, _ = fitted(12, 0.3)
    pending = np.random.default_rng(5).random((2, 4))
    normals = np.random.default_rng(6).standard_normal((4000, 14))
    draws = model.draws(pending, normals)
    mean, variance = model.posterior(pending)
    own = draws.values[:, 12:]
    np.testing.assert_allclose(own.mean(axis=0), mean, atol=4 * np.sqrt(variance.max() / 4000))
    np.testing.assert_allclose(own.var(axis=0), variance, rtol=0.1)


def test_a_point_given_draws_has_on_the_whole_the_posterior() -> None:
    model, _ = fitted(12, 0.3)
    draws = model.draws(np.empty((0, 4)), np.random.default_rng(6).standard_normal((4000, 12)))
    rows = np.random.default_rng(5).random((3, 4))
    mean, deviation = draws.at(rows)
    expected, variance = model.posterior(rows)
    np.testing.assert_allclose(mean.mean(axis=0), expected, atol=0.03)
    np.testing.assert_allclose(mean.var(axis=0) + deviation**2, variance, rtol=0.1)


def test_a_supposed_point_leaves_means_and_lowers_variances() -> None:
    model, _ = fitted(15, 0.1)
    rows = np.random.default_rng(5).random((40, 4))
    mean, variance = model.posterior(rows)
    after, less = model.given(rows[:1]).posterior(rows)
    np.testing.assert_allclose(after, mean, atol=1e-3)
    assert less[0] < 0.01 * variance[0]
    assert (less <= variance * (1 + 1e-6)).all()


def test_few_trials_of_many_layers_are_measured_by_parameter_and_many_by_layer() -> None:
    made, rng = domain(12, families=True), np.random.default_rng(0)

    def one_layer(rows: Array) -> Array:
        return np.asarray(np.sin(6 * rows[:, 3]))

    few, many = rng.random((20, 12)), rng.random((90, 12))
    assert fit_model(few, one_layer(few), None, made).features.by_family
    model = fit_model(many, one_layer(many), None, made)
    assert not model.features.by_family
    assert np.argmin(model.process.hyper.scales) == 3
    together = np.asarray(np.sin(6 * many.mean(axis=1)))
    assert fit_model(many, together, None, made).features.by_family


def test_a_known_trend_is_followed_where_nothing_was_seen() -> None:
    made = domain(2)
    trend = Changed([Part(("x00",), ("x01",))])
    rng = np.random.default_rng(0)
    rows = np.vstack([rng.uniform(0.2, 1.0, (12, 2)), [0.0, 1.0]])
    values = 3.0 * trend.of(rows, made)
    cliff = np.array([[0.02, 0.9], [0.0, 0.5]])
    mean, _ = fit_model(rows, values, np.zeros(13), made, trend).posterior(cliff)
    np.testing.assert_allclose(mean, [2.7, 0.0], atol=0.1)
    blind, _ = fit_model(rows, values, np.zeros(13), made).posterior(cliff)
    assert abs(blind[0] - 2.7) > 0.5


def test_the_loss_is_the_density_of_the_values_up_to_a_constant() -> None:
    made = problem()
    one, other = made.start.vector, made.start.vector + 0.2

    def direct(vector: Array) -> float:
        weights = np.exp(-vector[:3])
        z = made.inputs.features * weights[made.group.features]
        b = made.inputs.main * weights[made.group.main]
        r = np.sqrt(5 * ((z[:, None] - z[None]) ** 2).sum(axis=2))
        signal, main, share, extra = np.exp(vector[3:])
        covariance = signal * (1 + r + r**2 / 3) * np.exp(-r) + main * b @ b.T
        covariance += np.eye(18) * (share * 0.01 + extra + 1e-7 * signal)
        inverse = np.linalg.inv(covariance)
        h = made.trend
        slopes = np.linalg.solve(h.T @ inverse @ h, h.T @ inverse @ made.values)
        density = multivariate_normal(h @ slopes, covariance).logpdf(made.values)
        off = (vector - made.start.vector) / np.array([1, 1, 1, 1, 2, 1, 2])
        return float(-density + 0.5 * off @ off)

    assert np.isclose(made.loss(one)[0] - made.loss(other)[0], direct(one) - direct(other))
