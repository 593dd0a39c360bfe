"""The hypervolume by directions, against the exact one."""

import numpy as np
import pytest

from optimerge.front.hypervolume import hypervolume
from optimerge.search.acquisition.directions import directions, gained, reach, volume


@pytest.mark.parametrize("objectives", [1, 2, 3, 4, 6])
def test_it_comes_near_the_exact_volume(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    losses = rng.random((12, objectives))
    exact = hypervolume(losses, np.ones(objectives))
    about = volume(1 - losses, directions(objectives, 4096, 0))
    assert about == pytest.approx(exact, rel=0.03)


def test_points_beyond_the_reference_count_nothing() -> None:
    along = directions(3, 128, 0)
    assert volume(np.array([[-0.1, 0.9, 0.9]]), along) == 0


def test_directions_are_unit_positive_and_keyed() -> None:
    found = directions(4, 256, 7)
    assert (found > 0).all()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0)
    np.testing.assert_array_equal(found, directions(4, 256, 7))
    assert not np.array_equal(found, directions(4, 256, 8))


@pytest.mark.parametrize("objectives", [1, 2, 3, 4, 5, 6, 7])
def test_what_boxes_add_is_their_power_beyond_what_was_reached(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    along = directions(objectives, 64, 0)
    sides = rng.normal(0.5, 0.5, (300, objectives))
    best = rng.uniform(0, 0.5, len(along))
    by_pow = np.maximum(reach(sides, along) ** objectives - best, 0.0).mean(axis=1)
    np.testing.assert_allclose(gained(sides, along, best), by_pow, rtol=1e-12, atol=1e-15)
