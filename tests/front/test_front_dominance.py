import time
import tracemalloc

import numpy as np
import pytest
from front_cases import brute_front, brute_ranks, frozen, given, grids, sphere

from optimerge.front.dominance import non_dominated, ranks


@given(grids(nan=True, max_rows=12))
def test_front_is_that_of_the_definition(losses):
    assert non_dominated(losses).tolist() == brute_front(losses)


@given(grids(nan=True, max_rows=12))
def test_ranks_are_those_of_repeated_peeling(losses):
    assert ranks(losses).tolist() == brute_ranks(losses).tolist()


@given(grids(min_rows=1))
def test_rank_0_is_the_front_with_its_duplicates(losses):
    front = losses[non_dominated(losses)]
    assert sorted(map(tuple, front)) == sorted(set(map(tuple, losses[ranks(losses) == 0])))


@pytest.mark.parametrize("m", [1, 2, 3, 6])
@pytest.mark.parametrize("n", [130, 300])
def test_many_blocks_agree_with_the_definition(m, n):
    losses = frozen(np.random.default_rng(m * n).integers(0, 7, (n, m)))
    assert non_dominated(losses).tolist() == brute_front(losses)
    assert ranks(losses).tolist() == brute_ranks(losses).tolist()


@pytest.mark.parametrize("m", [1, 2, 3])
def test_of_equal_rows_the_first_is_kept_and_nan_never(m):
    losses = [[np.nan] * m, [1.0] * m, [1.0] * m, [-0.0] * m, [0.0] * m, [0.0] * (m - 1) + [np.nan]]
    assert non_dominated(losses).tolist() == [False, False, False, True, False, False]
    assert ranks(losses).tolist() == [6, 1, 1, 0, 0, 6]


def test_infinities_are_numbers():
    assert non_dominated([[1.0, np.inf], [2.0, np.inf], [3.0, 0.0]]).tolist() == [True, False, True]
    assert non_dominated([[np.inf, np.inf]]).tolist() == [True]
    assert non_dominated([[-np.inf, 1.0, 1.0], [0.0, 1.0, 0.0]]).tolist() == [True, True]


@pytest.mark.parametrize("m", [1, 2, 4])
def test_no_rows(m):
    assert non_dominated(np.empty((0, m))).shape == (0,)
    assert ranks(np.empty((0, m))).shape == (0,)


@pytest.mark.parametrize("bad", [[1.0, 2.0], [[]], [[[1.0]]]])
def test_other_shapes_are_refused(bad):
    with pytest.raises(ValueError, match=r"\[points, objectives\]"):
        non_dominated(bad)


def test_ten_thousand_points_on_the_front_in_little_memory():
    losses = sphere(10_000, 6)
    start = time.perf_counter()
    tracemalloc.start()
    assert non_dominated(losses).all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not ranks(losses).any()
    assert peak < 20e6  # n^2 bits would be 12.5 MB, n^2 bytes 100 MB
    assert time.perf_counter() - start < 10  # 0.6 s when alone
