"""Cells and improvement: the volume that is won is the difference of hypervolumes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from optimerge.front.hypervolume import hypervolume
from optimerge.search.acquisition.directions import directions
from optimerge.search.samplers.mmmo.cells import undominated_cells
from optimerge.search.samplers.mmmo.improvement import (
    directed_improvement,
    expected_improvement,
    sampled_improvement,
)


@given(seed=st.integers(0, 10**6), m=st.integers(1, 5), n=st.integers(0, 12), grid=st.booleans())
@settings(max_examples=80, deadline=None)
def test_what_a_point_wins_is_what_the_hypervolume_gains(
    seed: int, m: int, n: int, grid: bool
) -> None:
    rng = np.random.default_rng(seed)
    front, points = rng.random((n, m)), rng.random((5, m))
    if grid:  # ties in some objectives, and whole rows twice
        front, points = np.round(front, 1), np.round(points, 1)
    reference = np.full(m, 0.9)
    cells = undominated_cells(front, reference)
    before = hypervolume(front, reference)
    wanted = [hypervolume(np.vstack((front, p)), reference) - before for p in points]
    assert sampled_improvement(points, cells) == pytest.approx(np.array(wanted), abs=1e-12)


def test_cells_are_few() -> None:
    rng = np.random.default_rng(0)
    front = -np.abs(rng.normal(size=(40, 3)))
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    assert len(undominated_cells(front, np.full(3, 0.1))[0]) <= 81
    assert len(undominated_cells(front[:, :2], np.full(2, 0.1))[0]) <= 41


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_the_exact_expectation_is_the_mean_over_draws(m: int) -> None:
    rng = np.random.default_rng(m)
    front = 0.4 + 0.5 * rng.random((8, m))
    cells = undominated_cells(front, np.ones(m))
    mean, deviation = 0.4 + 0.3 * rng.random((4, m)), 0.1 + 0.2 * rng.random((4, m))
    draws = mean + deviation * rng.standard_normal((10_000, 4, m))
    wins = sampled_improvement(draws, cells)
    error = wins.std(axis=0) / np.sqrt(len(wins))
    exact = expected_improvement(mean, deviation**2, cells)
    assert (np.abs(exact - wins.mean(axis=0)) < 5 * error + 1e-9).all()
    assert (exact > 0).all()


def test_with_one_objective_it_is_the_expected_improvement() -> None:
    cells = undominated_cells(np.array([[0.4], [0.7]]), np.array([1.0]))
    z = (0.4 - 0.5) / 0.2
    wanted = 0.2 * (z * norm.cdf(z) + norm.pdf(z))
    found = expected_improvement(np.array([[0.5]]), np.array([[0.04]]), cells)
    assert found[0] == pytest.approx(wanted)


@pytest.mark.parametrize("m", [2, 3])
def test_along_directions_it_is_nearly_the_same(m: int) -> None:
    rng = np.random.default_rng(m)
    front, reference = rng.random((6, m)), np.ones(m)
    mean, variance = 0.2 + 0.5 * rng.random((40, m)), np.full((40, m), 0.04)
    exact = expected_improvement(mean, variance, undominated_cells(front, reference))
    along, normals = directions(m, 512, 0), rng.standard_normal((512, m))
    about = directed_improvement(mean, variance, front, reference, along, normals)
    assert np.corrcoef(exact, about)[0, 1] > 0.99
    assert about.sum() == pytest.approx(exact.sum(), rel=0.1)
    empty = directed_improvement(mean, 0 * variance, front[:0], reference, along, normals)
    assert empty == pytest.approx(np.prod(1 - mean, axis=1), rel=0.1)


def test_a_certain_point_wins_what_it_is() -> None:
    cells = undominated_cells(np.array([[1.0, 2.0]]), np.array([3.0, 3.0]))
    certain = expected_improvement(np.array([[2.0, 1.0], [2.0, 2.5]]), np.zeros((2, 2)), cells)
    assert certain == pytest.approx(np.array([1.0, 0.0]), abs=1e-6)
