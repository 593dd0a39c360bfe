"""Distances between rows: by parameter rather than by layer, choices apart, methods apart."""

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution

from optimerge.search.surrogate.domain import Domain
from optimerge.search.surrogate.features import Features

LAYERS = [f"w{layer}" for layer in range(4)]
DOMAIN = Domain(
    {**{name: FloatDistribution(0.0, 1.0) for name in [*LAYERS, "z"]}}, families=(LAYERS,)
)


def test_a_family_has_two_length_scales_and_others_one() -> None:
    assert set(Features(DOMAIN).scales) == {0, 1, 2}
    assert set(Features(DOMAIN, by_family=False).scales) == {0, 1, 2, 3, 4}


def test_moving_all_layers_moves_the_mean_alone() -> None:
    rows = np.array([[0.2] * 4 + [0.5], [0.6] * 4 + [0.5]])
    one, other = Features(DOMAIN).of(rows)
    moved = np.abs(one - other)
    assert np.isclose(moved.sum(), 0.4)
    assert np.isclose(moved[1], 0.4)  # z stands first, then the mean, then what layers deviate


def test_features_tell_all_rows_apart() -> None:
    rng = np.random.default_rng(0)
    rows = rng.random((30, 5))
    features = Features(DOMAIN).of(rows)
    back = np.column_stack([features[:, 1:2] + features[:, 2:], features[:, 0]])
    np.testing.assert_allclose(back, rows)


def test_different_choices_are_one_apart_and_a_missing_one_is_a_choice() -> None:
    domain = Domain({"m": CategoricalDistribution(("a", "b"))})
    features = Features(domain).of(np.array([[0.0], [1.0], [np.nan]]))
    for one in range(3):
        for other in range(one):
            assert np.isclose(np.linalg.norm(features[one] - features[other]), 1.0)


def test_main_effects_are_lines_and_bows_of_numbers_and_means() -> None:
    features = Features(DOMAIN)
    rows = np.array([[0.0] * 5, [0.5] * 5, [1.0] * 5, [0.0, 1.0, 0.0, 1.0, 0.5]])
    main = features.main(rows)
    np.testing.assert_allclose(main[:, :2], [[-1, -1], [0, 0], [1, 1], [0, 0]])
    np.testing.assert_allclose(main[:, 2:], [[1, 1], [-0.5, -0.5], [1, 1], [-0.5, -0.5]])
    assert list(features.scales_of_main) == [0, 1, 0, 1]
