"""The expected improvement: right where it is known, aware of noise, of what is pending."""

import numpy as np
import pytest
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution
from scipy.stats import norm

from optimerge.search.acquisition.improvement import Improvement, improvement
from optimerge.search.surrogate.domain import Domain
from optimerge.search.surrogate.model import fit_model

Array = NDArray[np.float64]
DOMAIN = Domain({name: FloatDistribution(0.0, 1.0) for name in "ab"})
NONE = np.empty((0, 2))


def losses(rows: Array) -> Array:
    near = ((rows - 0.3) ** 2).sum(axis=1)
    far = ((rows - 0.7) ** 2).sum(axis=1)
    return np.stack([near, far], axis=1)


def made(
    rows: Array, values: Array, noise: float, pending: Array = NONE, feasible: object = True
) -> Improvement:
    told = np.full(len(rows), noise**2)
    models = [fit_model(rows, own, told, DOMAIN) for own in values.T]
    counted = np.broadcast_to(np.asarray(feasible), len(rows))
    reference = np.full(values.shape[1], 1.0)
    rng = np.random.default_rng(0)
    return improvement(models, pending, reference, counted, rng, samples=256, count=512)


def test_of_one_objective_it_is_the_expected_improvement() -> None:
    rows = np.random.default_rng(0).random((15, 2))
    values = losses(rows)[:, :1]
    gain = made(rows, values, 0.0)
    model = fit_model(rows, values[:, 0], np.zeros(15), DOMAIN)
    where = np.random.default_rng(1).random((50, 2))
    mean, variance = model.posterior(where)
    deviation, best = np.sqrt(variance), model.posterior(rows)[0].min()
    z = (best - mean) / deviation
    expected = deviation * (z * norm.cdf(z) + norm.pdf(z))
    kept = expected > 0.1 * expected.max()
    found = gain(where) * gain.unit[0]
    np.testing.assert_allclose(found[kept], expected[kept], rtol=0.3)
    assert np.corrcoef(found, expected)[0, 1] > 0.99


def test_points_between_the_best_are_worth_most_and_bad_ones_nothing() -> None:
    rows = np.array([[0.3, 0.3], [0.7, 0.7], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    gain = made(rows, losses(rows), 0.0)
    middle, known, bad = gain(np.array([[0.5, 0.5], [0.3, 0.3], [0.02, 0.98]]))
    assert middle > 20 * known
    assert middle > 20 * bad


def test_what_is_pending_is_worth_little_again() -> None:
    rows = np.array([[0.3, 0.3], [0.7, 0.7], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    middle = np.array([[0.5, 0.5]])
    alone = made(rows, losses(rows), 0.0)(middle)[0]
    again = made(rows, losses(rows), 0.0, pending=middle)(middle)[0]
    assert again < 0.1 * alone


def test_a_lucky_noisy_point_does_not_end_the_search_elsewhere() -> None:
    rng = np.random.default_rng(2)
    rows = np.vstack([rng.random((30, 2)), [0.0, 1.0]])
    values = losses(rows)
    values[-1] = -0.2  # better than anything there is, at a bad place
    middle = np.array([[0.5, 0.5]])
    believed, doubted = made(rows, values, 1e-4), made(rows, values, 0.5)
    assert doubted(middle)[0] > 0
    assert believed(middle)[0] < 1e-3 * doubted(middle)[0]


def test_infeasible_points_are_not_on_the_front() -> None:
    rows = np.array([[0.5, 0.5], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    allowed = np.array([False, True, True, True, True])
    where = np.array([[0.48, 0.5]])
    assert (
        made(rows, losses(rows), 0.0)(where)[0]
        < made(rows, losses(rows), 0.0, feasible=allowed)(where)[0]
    )


@pytest.mark.parametrize("objectives", [1, 3, 6])
def test_any_number_of_objectives(objectives: int) -> None:
    rng = np.random.default_rng(0)
    rows, values = rng.random((10, 2)), rng.random((10, objectives))
    found = made(rows, values, 0.1)(rng.random((20, 2)))
    assert found.shape == (20,)
    assert (found >= 0).all()
    assert found.max() > 0
