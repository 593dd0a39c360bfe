"""The benchmark's statistics: known cases, and faults that they must see."""

import math

import numpy as np
import pytest

from benchmarks.quality.statistics import (
    Interval,
    first_reached,
    holm,
    mean_interval,
    paired,
    signed_rank,
)

SURFACES, SEEDS = ("a", "b", "c"), range(10)


def gains(shift: float, spread: float, seed: int = 0) -> dict[tuple[str, int], float]:
    stream = np.random.default_rng(seed)
    return {(s, n): shift + spread * float(stream.normal()) for s in SURFACES for n in SEEDS}


def test_interval_of_constants_is_a_point_and_weighs_groups_equally() -> None:
    found = mean_interval([[1.0, 1.0, 1.0], [3.0]])
    assert found == Interval(2.0, 2.0, 2.0)


def test_interval_covers_the_mean_as_often_as_it_says() -> None:
    stream = np.random.default_rng(3)
    hits = 0
    for n in range(300):
        groups = [stream.normal(m, 1.0, 20) for m in (0.0, 5.0)]
        found = mean_interval(groups, seed=n)
        hits += found.low <= 2.5 <= found.high
    assert 0.90 <= hits / 300 <= 0.98


def test_interval_resamples_within_groups_and_not_across_them() -> None:
    # Pooled, the spread between the groups would make the interval wide.
    found = mean_interval([[0.0, 0.1] * 5, [10.0, 10.1] * 5])
    assert found.high - found.low < 0.1


def test_interval_of_nothing_is_not_a_number() -> None:
    assert math.isnan(mean_interval([]).mean)
    assert math.isnan(mean_interval([[1.0], []]).mean)


def test_signed_rank_of_known_cases() -> None:
    # Of n differences of one sign the exact two-sided p is 2 / 2^n.
    assert signed_rank([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(2 / 32)
    # Wilcoxon 1945 as in Siegel 1956, p. 82: T = 4 of 8 pairs (no ties): p = 14/256
    assert signed_rank([19, 27, -1, 6, 7, 13, -4, 3]) == pytest.approx(14 / 256, abs=0.005)
    assert signed_rank([0.0, 0.0]) == 1.0
    assert signed_rank([]) == 1.0


def test_signed_rank_is_two_sided() -> None:
    pairs = np.random.default_rng(0).normal(0.5, 1, 30)
    assert signed_rank(pairs) == pytest.approx(signed_rank(-pairs))


def test_pairs_that_tie_speak_for_no_difference() -> None:
    few = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert signed_rank(few) < 0.05
    assert signed_rank([0.0] * 30 + few) > 0.05


def test_signed_rank_of_chance_is_seldom_significant() -> None:
    stream = np.random.default_rng(1)
    found = [signed_rank(stream.normal(size=30)) < 0.05 for _ in range(400)]
    assert 0.02 <= np.mean(found) <= 0.09


def test_holm_is_as_published_and_never_out_of_order() -> None:
    # Holm 1979: smallest times 4, next times 3, ...; then the running maximum.
    given = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}
    assert holm(given) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(holm(given)) == list(given)
    assert max(holm({"a": 0.9, "b": 0.8}).values()) == 1.0
    assert holm({}) == {}


def test_first_reached_counts_from_one_and_knows_never() -> None:
    assert first_reached([0.5, 0.1], 0.5) == 1
    assert first_reached([0.1, 0.2, 0.5, 0.3], 0.5) == 3
    assert first_reached([0.1, 0.2], 0.5) == math.inf
    assert first_reached([], 0.5) == math.inf


def test_an_advantage_that_is_there_is_found_and_one_that_is_not_is_not() -> None:
    base = gains(0.0, 1.0)
    ahead = {key: value + 0.2 + 0.05 * (key[1] % 3) for key, value in base.items()}
    found = paired(ahead, base)
    assert found.verdict == "ahead"
    assert found.p < 1e-4
    assert (found.won, found.tied, found.lost, found.pairs) == (30, 0, 0, 30)
    assert found.difference.mean == pytest.approx(0.2 + 0.05 * 0.9)
    assert paired(base, ahead).verdict == "behind"
    same = paired(base, base)
    assert (same.p, same.verdict, same.tied) == (1.0, "undecided", 30)
    assert paired(gains(0, 1.0, 1), gains(0, 1.0, 2)).p > 0.05


def test_pairs_are_those_of_one_surface_and_seed() -> None:
    # Seeds differ far more than contestants: unpaired, or paired in another order, nothing is seen.
    base = {(s, n): 10.0 * n for s in SURFACES for n in SEEDS}
    ahead = {key: value + 0.1 + key[1] / 1000 for key, value in reversed(base.items())}
    assert paired(ahead, base).won == 30
    assert paired(ahead, base).p < 1e-4


def test_what_one_of_them_lacks_is_left_out() -> None:
    base = gains(0.0, 0.1)
    some = {key: value + 1 for key, value in base.items() if key[1] < 4 and key[0] != "c"}
    found = paired(some, base)
    assert found.pairs == 8
    assert found.difference.mean == pytest.approx(1.0)
    nothing = paired({}, base)
    assert (nothing.pairs, nothing.p, nothing.verdict) == (0, 1.0, "undecided")


def test_one_surface_alone_does_not_make_the_surfaces_agree() -> None:
    base = gains(0.0, 0.1)
    ahead = {key: value + (3.0 if key[0] == "a" else -0.01) for key, value in base.items()}
    assert paired(ahead, base).p_surfaces > 0.2
