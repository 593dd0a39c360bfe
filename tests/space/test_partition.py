"""Groups of alike layers: the dynamic programme against every way to cut, and planted profiles."""

import random
from itertools import combinations, pairwise
from statistics import fmean

import pytest

from optimerge.space.partition import BALANCE, partition


def price(profile: list[list[float]], edges: tuple[int, ...]) -> float:
    """The cost of a partition, written down anew from its definition."""
    columns = [
        [value / (max(column) or 1.0) for value in column] for column in zip(*profile, strict=True)
    ]
    rows = list(zip(*columns, strict=True))
    mass = [fmean(row) for row in rows]
    if sum(mass) == 0:
        mass = [1.0] * len(profile)
    total = 0.0
    for start, end in pairwise(edges):
        spread = [
            sum((v - fmean(column[start:end])) ** 2 for v in column[start:end])
            for column in columns
        ]
        total += fmean(spread)
        total += BALANCE * (sum(mass[start:end]) - sum(mass) / (len(edges) - 1)) ** 2
    return total


def every_partition(layers: int, groups: int) -> list[tuple[int, ...]]:
    return [(0, *cuts, layers) for cuts in combinations(range(1, layers), groups - 1)]


@pytest.mark.parametrize("seed", range(6))
def test_no_other_way_to_cut_costs_less(seed: int) -> None:
    draw = random.Random(seed)
    layers, columns = draw.randint(5, 9), draw.randint(1, 4)
    profile = [[draw.random() for _ in range(columns)] for _ in range(layers)]
    for groups in range(1, layers + 1):
        found = partition(profile, groups)
        ways = every_partition(layers, groups)
        assert found in ways
        assert price(profile, found) == pytest.approx(min(price(profile, w) for w in ways))


def test_planted_groups_are_found() -> None:
    heights = [0.2] * 3 + [0.9] * 5 + [0.4] * 2 + [0.7] * 6
    profile = [[h, 5 * (1 - h)] for h in heights]
    assert partition(profile, 4) == (0, 3, 8, 10, 16)


def test_an_expert_that_changes_only_one_part_decides_with_the_others() -> None:
    one = [0.5] * 12
    other = [0.1] * 7 + [0.6] * 5
    assert partition([list(row) for row in zip(one, other, strict=True)], 2) == (0, 7, 12)


def test_what_is_all_alike_is_cut_into_equal_groups() -> None:
    for row in ([0.3, 0.7], [0.0, 0.0], []):
        assert partition([row] * 12, 4) == (0, 3, 6, 9, 12)


def test_rounding_in_a_flat_column_moves_no_boundary() -> None:
    noise = random.Random(1)
    flat = [[0.5 + 1e-9 * noise.random()] for _ in range(12)]
    assert partition(flat, 3) == (0, 4, 8, 12)


def test_one_group_and_one_a_layer_are_the_ends() -> None:
    profile = [[float(n % 3)] for n in range(7)]
    assert partition(profile, 1) == (0, 7)
    assert partition(profile, 7) == tuple(range(8))


def test_units_of_a_column_do_not_matter() -> None:
    draw = random.Random(3)
    profile = [[draw.random(), draw.random()] for _ in range(10)]
    assert partition(profile, 3) == partition([[a * 1000, b] for a, b in profile], 3)


@pytest.mark.parametrize("groups", [0, 4])
def test_more_groups_than_layers_are_refused(groups: int) -> None:
    with pytest.raises(ValueError, match="groups of 3 layers"):
        partition([[1.0]] * 3, groups)
