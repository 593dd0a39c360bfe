import time

import numpy as np
import pytest
from front_cases import brute_volume, corner, frozen, given, grids, sphere
from hypothesis import strategies as st
from optuna._hypervolume import compute_hypervolume

from optimerge.front.dominance import non_dominated, ranks
from optimerge.front.hypervolume import contributions, history, hypervolume
from optimerge.front.knee import knee, smallest_mean
from optimerge.front.reference import reference_point, scales


@given(grids(nan=True))
def test_counts_unit_cells(losses):
    assert hypervolume(losses, corner(losses)) == brute_volume(losses)


@given(grids(max_rows=30, min_objectives=4), max_examples=30)
def test_counts_unit_cells_of_larger_sets(losses):
    assert hypervolume(losses, corner(losses)) == brute_volume(losses)


@pytest.mark.parametrize("m", [2, 3, 4, 5])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_optuna(m, seed):
    for losses in (sphere(40, m, seed), np.random.default_rng(seed).random((60, m))):
        reference = np.full(m, 0.9)
        inside = losses[(losses < 0.9).all(axis=1)]
        expected = compute_hypervolume(inside, reference)
        assert hypervolume(losses, reference) == pytest.approx(expected, rel=1e-12)


def test_six_objectives_by_inclusion_and_exclusion():
    losses = np.random.default_rng(6).random((7, 6))
    total = 0.0
    for subset in range(1, 1 << len(losses)):
        rows = losses[[bool(subset >> i & 1) for i in range(len(losses))]]
        total -= (-1) ** len(rows) * np.prod(1 - rows.max(axis=0))
    assert hypervolume(losses, np.ones(6)) == pytest.approx(total, rel=1e-12)


@given(grids(nan=True))
def test_only_the_front_counts(losses):
    reference = corner(losses)
    assert hypervolume(losses[non_dominated(losses)], reference) == hypervolume(losses, reference)


@given(grids(min_rows=1), st.randoms(use_true_random=False))
def test_order_of_rows_and_objectives_does_not_matter(losses, random):
    rows, columns = list(range(len(losses))), list(range(losses.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    reference = corner(losses) + np.arange(losses.shape[1])
    mixed = losses[rows][:, columns]
    assert hypervolume(mixed, reference[columns]) == hypervolume(losses, reference)
    lost = contributions(losses, reference)
    assert contributions(mixed, reference[columns]).tolist() == lost[rows].tolist()


@given(grids(), st.integers(-20, 20), st.sampled_from([0.5, 2.0, 8.0]))
def test_moves_and_units(losses, by, unit):
    reference = corner(losses)
    volume = hypervolume(losses, reference)
    assert hypervolume(losses + by, reference + by) == volume
    assert hypervolume(losses * unit, reference * unit) == volume * unit ** losses.shape[1]


@given(grids(min_rows=1, nan=True))
def test_history_is_recomputation_and_never_falls(losses):
    reference = corner(losses)
    expected = [hypervolume(losses[: i + 1], reference) for i in range(len(losses))]
    assert history(losses, reference).tolist() == expected
    assert (np.diff(expected) >= 0).all()


@given(grids(min_rows=1, nan=True))
def test_contribution_is_what_is_lost(losses):
    reference = corner(losses)
    volume = hypervolume(losses, reference)
    rest = [hypervolume(np.delete(losses, i, axis=0), reference) for i in range(len(losses))]
    assert contributions(losses, reference).tolist() == [volume - without for without in rest]


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_history_and_contributions_of_real_numbers(m):
    losses = np.random.default_rng(m).random((40, m))
    reference = np.full(m, 0.95)
    volume = hypervolume(losses, reference)
    steps = [hypervolume(losses[: i + 1], reference) for i in range(len(losses))]
    rest = [hypervolume(np.delete(losses, i, axis=0), reference) for i in range(len(losses))]
    np.testing.assert_allclose(history(losses, reference), steps, rtol=1e-12)
    lost = contributions(losses, reference)
    np.testing.assert_allclose(lost, volume - np.array(rest), atol=1e-12)
    assert (lost >= 0).all()


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5])
def test_what_counts_nothing(m):
    reference = np.ones(m)
    edge = np.zeros((1, m))
    edge[0, -1] = 1.0  # not better than the reference in the last objective
    nothing = [edge, np.full((1, m), np.nan), np.full((2, m), np.inf), np.empty((0, m))]
    for losses in nothing:
        assert hypervolume(losses, reference) == 0.0
        assert history(losses, reference).tolist() == [0.0] * len(losses)
        assert contributions(losses, reference).tolist() == [0.0] * len(losses)
    twice = np.full((2, m), 0.5)
    assert hypervolume(twice, reference) == 0.5**m
    assert contributions(twice, reference).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("losses", "reference"),
    [([[1.0, 2.0]], [3.0]), ([[1.0]], [np.nan]), ([[1.0]], [np.inf]), ([[-np.inf]], [1.0])],
)
def test_impossible_input_is_refused(losses, reference):
    with pytest.raises(ValueError, match="reference"):
        hypervolume(losses, reference)


def test_inputs_are_never_written_to():
    losses, reference = frozen(np.random.default_rng(0).random((30, 4))), frozen(np.ones(4))
    before = losses.tobytes() + reference.tobytes()
    for function in (hypervolume, contributions, history):
        function(losses, reference)  # a write would raise: the arrays are read-only
    for function in (non_dominated, ranks, scales, reference_point):
        function(losses)
    for pick in (knee, smallest_mean):
        pick(losses, reference)
    assert losses.tobytes() + reference.tobytes() == before
    result = history(losses, reference)
    result[:] = 0  # and what comes back is the caller's own
    assert history(losses, reference)[-1] > 0


def test_fast_enough_to_watch():
    losses, reference = frozen(sphere(200, 4)), np.full(4, 1.1)
    assert quickest(lambda: hypervolume(losses, reference)) < 0.3  # 0.03 s when alone
    assert quickest(lambda: history(losses, reference)) < 2  # 0.15 s when alone


def quickest(call, times=3):
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
