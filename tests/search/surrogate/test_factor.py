"""A covariance that is none but for rounding is factored, with as little added as that needs."""

import numpy as np
import pytest
from scipy.linalg import cho_factor

from optimerge.search.surrogate.factor import lower_factor
from optimerge.search.surrogate.gp import GaussianProcess
from optimerge.search.surrogate.kernel import JITTER, Groups, Hyper, Inputs


def test_what_has_a_factor_gets_that_of_the_matrix_with_the_least_added() -> None:
    rng = np.random.default_rng(0)
    half, noise = rng.normal(size=(30, 30)), rng.random(30)
    wanted = cho_factor(half @ half.T + np.diag(noise + JITTER * 0.3), lower=True)[0]
    np.testing.assert_array_equal(lower_factor(half @ half.T, 0.3, noise), np.tril(wanted))


@pytest.mark.parametrize(
    ("short", "added"), [(0.0, 1e-7), (3e-7, 1e-6), (3e-5, 1e-4), (3e-3, 1e-2), (0.3, 1.0)]
)
def test_no_more_is_added_than_it_needs(short: float, added: float) -> None:
    signal, equal = 2.0, np.full((4, 4), 5.0)
    spoiled = equal - short * signal * np.eye(4)
    factor = lower_factor(spoiled, signal)
    difference = factor @ factor.T - spoiled
    np.testing.assert_allclose(difference, added * signal * np.eye(4), rtol=1e-6, atol=1e-12)


def test_what_is_no_covariance_at_all_is_an_error() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="of 3 points has no Cholesky factor"):
        lower_factor(-2.0 * np.eye(3), 1.0)
    with pytest.raises(ValueError, match="infs or NaNs"):
        lower_factor(np.full((3, 3), np.nan), 1.0)


def test_points_that_were_scored_twice_do_not_end_the_search() -> None:
    """Main effects far above the signal: their rounding is above the usual addition."""
    rng = np.random.default_rng(0)
    rows = np.tile(rng.random((20, 4)), (2, 1))
    line = 2.0 * rows - 1.0
    inputs = Inputs(rows, np.hstack([line, 1.5 * line**2 - 0.5]))
    group = Groups(np.arange(4), np.tile(np.arange(4), 2))
    hyper = Hyper(np.full(4, np.log(0.02)), np.log(0.02), np.log(1e5), 0.0, np.log(1e-6))
    values, ones = rng.normal(size=20), np.ones((40, 1))
    process = GaussianProcess(inputs, group, np.tile(values, 2), np.zeros(40), hyper, ones, 0.0)
    with pytest.raises(np.linalg.LinAlgError):
        cho_factor(process._prior + JITTER * 0.02 * np.eye(40), lower=True)
    once = inputs[np.arange(20)]
    mean, variance = process.posterior(once, ones[:20])
    np.testing.assert_allclose(mean, values, atol=0.05)
    assert (variance > 0).all()
    drawn = process.draws(once[:0], ones[:0], rng.standard_normal((8, 40)))
    assert np.isfinite(drawn.values).all()
