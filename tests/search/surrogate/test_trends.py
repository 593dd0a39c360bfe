"""The share of entries that a merge changes, against dropping entries for real."""

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from optimerge.search.surrogate.domain import Domain
from optimerge.search.surrogate.trends import Changed, Part

NAMES = ("a.density", "a.weight", "b.density", "b.weight")
DOMAIN = Domain({name: FloatDistribution(0.0, 1.0) for name in NAMES})
BOTH = Changed([Part(("a.weight",), ("a.density",)), Part(("b.weight",), ("b.density",))])


@pytest.mark.parametrize(
    "row", [(0.3, 0.5, 0.6, 0.5), (0.3, 0.0, 0.6, 0.5), (1.0, 1.0, 0.2, 1.0), (0.5, 0.0, 0.5, 0.0)]
)
def test_the_share_is_that_of_random_masks(row: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    kept = rng.random((2, 100_000)) < np.array([[row[0]], [row[2]]])
    changed = (kept & (np.array([[row[1]], [row[3]]]) > 0)).any(axis=0).mean()
    assert BOTH.of(np.array([row]), DOMAIN)[0] == pytest.approx(changed, abs=0.01)


def test_groups_of_layers_count_each_for_itself() -> None:
    names = ("d0", "d1", "w0", "w1")
    domain = Domain({name: FloatDistribution(0.0, 1.0) for name in names})
    share = Changed([Part(("w0", "w1"), ("d0", "d1"))])
    rows = np.array([[0.2, 0.8, 0.0, 1.0], [0.2, 0.8, 1.0, 1.0]])
    np.testing.assert_allclose(share.of(rows, domain), [0.4, 0.5])


def test_fixed_numbers_and_methods_without_a_density_change_all() -> None:
    domain = Domain(
        {
            "density": FloatDistribution(0.0, 1.0),
            "merge_method": CategoricalDistribution(("linear", "ties")),
            "weight": FloatDistribution(0.0, 2.0),
        },
        switch="merge_method",
        active={
            "linear": frozenset({"merge_method", "weight"}),
            "ties": frozenset({"merge_method", "weight", "density"}),
        },
    )
    share = Changed([Part(("weight",), ("density",)), Part(0.0, 1.0)])
    rows = np.array([[0.25, 1.0, 0.5], [np.nan, 0.0, 0.5], [np.nan, 0.0, 0.0]])
    np.testing.assert_allclose(share.of(rows, domain), [0.25, 1.0, 0.0])
