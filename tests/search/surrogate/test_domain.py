"""Points as rows and back: nothing is lost, and every row is brought into the space."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from optimerge.search.surrogate.domain import Domain

SPACE: dict[str, BaseDistribution] = {
    "choice": CategoricalDistribution(("a", "b", "c")),
    "grid": FloatDistribution(0.0, 1.0, step=0.25),
    "integer": IntDistribution(1, 9, step=2),
    "log": FloatDistribution(1e-3, 1.0, log=True),
    "number": FloatDistribution(-1.0, 3.0),
    "numbers": CategoricalDistribution((0.5, 2.0)),
}
POINTS = st.fixed_dictionaries(
    {
        "choice": st.sampled_from("abc"),
        "grid": st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
        "integer": st.sampled_from([1, 3, 5, 7, 9]),
        "log": st.floats(1e-3, 1.0),
        "number": st.floats(-1.0, 3.0),
        "numbers": st.sampled_from([0.5, 2.0]),
    }
)
TWO_METHODS = Domain(
    {
        "merge_method": CategoricalDistribution(("ties", "linear")),
        "density": FloatDistribution(0.0, 1.0),
        "weight": FloatDistribution(0.0, 1.0),
    },
    switch="merge_method",
    active={
        "ties": frozenset({"merge_method", "density", "weight"}),
        "linear": frozenset({"merge_method", "weight"}),
    },
)


@given(POINTS)
def test_a_point_comes_back(point: dict[str, float]) -> None:
    domain = Domain(SPACE)
    back = domain.decode(domain.encode([point])[0])
    assert back.keys() == point.keys()
    for name, value in point.items():
        if isinstance(value, float):
            assert abs(back[name] - value) <= 1e-9
        else:
            assert back[name] == value
        assert type(back[name]) is type(value)


@settings(max_examples=50)
@given(st.integers(0, 2**31))
def test_any_row_becomes_a_point_of_the_space(seed: int) -> None:
    domain, rng = Domain(SPACE), np.random.default_rng(seed)
    wild = np.where(domain.numeric, rng.normal(0.5, 1.0, (20, 6)), rng.integers(2, size=(20, 6)))
    rows = domain.snapped(wild)
    for row in rows:
        point = domain.decode(row)
        for name, distribution in SPACE.items():
            assert distribution._contains(distribution.to_internal_repr(point[name]))
    again = domain.encode([domain.decode(row) for row in rows])
    np.testing.assert_allclose(again, rows, atol=1e-9)


def test_a_row_has_the_dimensions_of_its_method_only() -> None:
    rows = TWO_METHODS.snapped(np.array([[0.2, 0.0, 0.7], [0.2, 1.0, 0.7]]))
    points = [TWO_METHODS.decode(row) for row in rows]
    assert points == [
        {"density": 0.2, "merge_method": "ties", "weight": 0.7},
        {"merge_method": "linear", "weight": 0.7},
    ]
    np.testing.assert_array_equal(TWO_METHODS.encode(points), rows)


def test_what_a_row_lacks_is_filled_inside_the_space() -> None:
    domain = Domain(SPACE)
    rows = domain.filled(np.full((200, 6), np.nan), np.random.default_rng(0))
    assert not np.isnan(rows).any()
    assert set(rows[:, 0]) == {0.0, 1.0, 2.0}
    assert 0 <= rows[:, 4].min() < 0.1 < 0.9 < rows[:, 4].max() <= 1


def test_values_are_those_of_the_points() -> None:
    domain = Domain(SPACE)
    rows = domain.encode([{"log": 0.01, "number": 2.0, "numbers": 2.0}, {"number": -1.0}])
    found = domain.values(rows, ["log", "number", "numbers"])
    np.testing.assert_allclose(found, [[0.01, 2.0, 2.0], [np.nan, -1.0, np.nan]])
