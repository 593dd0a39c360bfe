"""Candidates: inside the space, from near and far; the search finds what is worth most."""

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution

from optimerge.search.acquisition.pool import (
    PoolSizes,
    brought_back,
    first_pool,
    moved,
    reflected,
    search_pool,
)
from optimerge.search.surrogate.domain import Domain

Array = NDArray[np.float64]
NAMES = [f"w{layer}" for layer in range(6)]
DOMAIN = Domain(
    {
        **{name: FloatDistribution(0.0, 1.0) for name in NAMES},
        "grid": FloatDistribution(0.0, 1.0, step=0.5),
        "method": CategoricalDistribution(("a", "b", "c")),
    },
    families=(NAMES,),
)
ELITES = np.array([[0.5, 2.0, *[0.4] * 6], [0.0, 1.0, *[0.9] * 6]])


def test_the_best_is_found_and_is_inside_the_space() -> None:
    best = np.array([0.5, 1.0, 0.2, 0.8, 0.2, 0.8, 0.2, 0.8])

    def worth(rows: Array) -> Array:
        numbers = ((rows[:, 2:] - best[2:]) ** 2).sum(axis=1)
        return np.asarray(-numbers - (rows[:, 0] != 0.5) - (rows[:, 1] != 1))

    rows, values = search_pool(DOMAIN, ELITES, worth, np.random.default_rng(1), PoolSizes())
    assert (np.diff(values) <= 0).all()
    np.testing.assert_allclose(values, worth(rows))
    assert rows[0, 0] == 0.5
    assert rows[0, 1] == 1.0
    assert np.abs(rows[0, 2:] - best[2:]).max() < 0.15
    again = np.array([DOMAIN.encode([DOMAIN.decode(row)])[0] for row in rows[:50]])
    np.testing.assert_allclose(again, rows[:50])


def test_most_candidates_are_near_good_points_and_some_anywhere() -> None:
    rows = DOMAIN.snapped(first_pool(DOMAIN, ELITES, np.random.default_rng(0), PoolSizes()))
    nearest = np.min([np.abs(rows[:, 2:] - elite[2:]).max(axis=1) for elite in ELITES], axis=0)
    assert 0.2 < (nearest < 0.15).mean() < 0.8
    assert rows[:, 2:].std(axis=0).min() > 0.2


def test_steps_move_one_number_some_or_a_family_together() -> None:
    start = np.tile(ELITES[:1], (600, 1))
    after = moved(DOMAIN, start, np.random.default_rng(0), 0.01, 0.1)
    steps = after[:, 2:] - start[:, 2:]
    changed = (np.abs(steps) > 1e-12).sum(axis=1)
    together = (np.ptp(steps, axis=1) < 1e-9) & (changed == 6)
    assert (changed == 1).mean() > 0.1
    assert together.mean() > 0.05
    assert (after != start).any(axis=1).mean() > 0.95


def test_steps_are_folded_back_at_the_ends() -> None:
    np.testing.assert_allclose(reflected(np.array([-0.1, 0.5, 1.2, 3.0])), [0.1, 0.5, 0.8, 0.0])


def test_half_of_the_steps_out_of_the_space_stop_at_its_end_and_half_are_folded_back() -> None:
    out = np.tile([-0.1, 0.5, 1.2, 3.0], (400, 1))
    back = brought_back(out, np.random.default_rng(0))
    stopped = (back == [0.0, 0.5, 1.0, 1.0]).all(axis=1)
    folded = np.isclose(back, [0.1, 0.5, 0.8, 0.0]).all(axis=1)
    assert (stopped ^ folded).all()
    assert 0.4 < stopped.mean() < 0.6


def test_numbers_at_the_ends_of_their_ranges_are_among_the_candidates() -> None:
    near = np.array([[0.5, 2.0, *[0.05] * 6]])
    after = moved(DOMAIN, np.tile(near, (400, 1)), np.random.default_rng(0), 0.1, 0.3)
    assert (after[:, 2:] == 0).any(axis=1).mean() > 0.1


def test_a_flat_worth_gives_points_of_the_space() -> None:
    rows, values = search_pool(
        DOMAIN, ELITES, lambda rows: np.zeros(len(rows)), np.random.default_rng(0), PoolSizes()
    )
    assert (values == 0).all()
    assert DOMAIN.decode(rows[0]).keys() == {*NAMES, "grid", "method"}
