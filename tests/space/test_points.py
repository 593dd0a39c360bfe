"""Points of a space: equal ones have one key, all are counted and listed, moves stay inside."""

import math
from random import Random

import pytest

from optimerge.space.points import key_of, moved, points, random_point, size, values
from optimerge.testing.sampler_cases import SPACES, outside, space_named


def test_finite_spaces_are_counted_and_listed() -> None:
    small = space_named("small")
    listed = list(points(small))
    assert len(listed) == size(small) == 2 * 3 * 2
    assert len({key_of(small, p) for p in listed}) == 12
    assert not any(outside(small, p) for p in listed)
    assert size(space_named("one point")) == 1
    assert size(space_named("layers")) == 11 * 3 * 2
    assert len(list(points(space_named("layers")))) == 66


def test_spaces_with_a_continuous_range_have_no_end() -> None:
    assert size(space_named("mixed")) == math.inf
    assert list(points(space_named("mixed"))) == []


def test_values_of_a_grid_are_one_whatever_their_last_bits() -> None:
    mixed = space_named("mixed")
    point = random_point(mixed, Random(3)) | {"a.density": 0.1 + 2 * 0.2}
    near = {**point, "a.density": 0.5 - 1e-16}
    assert key_of(mixed, point) == key_of(mixed, near)
    assert key_of(mixed, point) != key_of(mixed, {**point, "a.density": 0.7})
    assert key_of(mixed, point) != key_of(mixed, {**point, "a.weight": 0.123})


@pytest.mark.parametrize("name", sorted(SPACES))
def test_random_points_and_moves_lie_in_the_space(name: str) -> None:
    space, rng = space_named(name), Random(0)
    for _ in range(50):
        point = random_point(space, rng)
        assert not outside(space, point)
        for count, reach in ((1, 0.02), (3, 0.2), (9, 3.0)):
            near = moved(space, point, rng, count, reach)
            assert not outside(space, near)
            assert sum(near[n] != point[n] for n in point) <= count
            if size(space) > 1:
                assert key_of(space, near) != key_of(space, point)


def test_small_moves_are_small() -> None:
    space, rng = space_named("numbers"), Random(0)
    point = {"a.weight": 0.5, "b.weight": -0.25}
    steps = [moved(space, point, rng, 1, 0.02) for _ in range(300)]
    by_a = [abs(p["a.weight"] - 0.5) for p in steps if p["a.weight"] != 0.5]
    assert 0.01 < sum(by_a) / len(by_a) < 0.025
    assert 100 < len(by_a) < 200


def test_random_points_are_even() -> None:
    space, rng = space_named("mixed"), Random(1)
    found = [random_point(space, rng) for _ in range(400)]
    assert 160 < sum(p["merge_method"] == "ties" for p in found) < 240
    low = sum(p["b.weight"] < 0.001**0.5 for p in found)  # the middle of a log range
    assert 160 < low < 240


def test_a_grid_that_ends_before_its_range_does() -> None:
    from optimerge.space.ranges import Dimension, Range

    made = Dimension(name="x", site=("x",), range=Range(low=0.0, high=1.0, step=0.3), kind="real")
    assert values(made) == pytest.approx([0.0, 0.3, 0.6, 0.9])
