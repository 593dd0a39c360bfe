from itertools import combinations

import numpy as np
import pytest
from front_cases import given
from hypothesis import strategies as st

from optimerge.front.racing.estimate import partial_estimate

values = st.lists(st.floats(-5, 5), min_size=3, max_size=7)


@given(values, st.data())
def test_over_all_parts_the_mean_is_unbiased_and_the_error_is_its_spread(items, data):
    size = data.draw(st.integers(2, len(items)))
    parts = [partial_estimate(part, len(items)) for part in combinations(items, size)]
    means = np.array([part.value for part in parts])
    assert means.mean() == pytest.approx(np.mean(items), abs=1e-9)
    assert np.mean([part.stderr**2 for part in parts]) == pytest.approx(means.var(), abs=1e-9)


@given(values)
def test_all_items_leave_no_error(items):
    done = partial_estimate(items, len(items))
    assert (done.value, done.stderr, done.items, done.of) == (
        float(np.mean(items)),
        0.0,
        len(items),
        len(items),
    )


def test_with_bounds_a_run_of_wrong_answers_leaves_some_doubt():
    assert partial_estimate([0.0] * 20, 400).stderr == 0
    some = partial_estimate([0.0] * 20, 400, bounds=(0, 1))
    assert some.value == 0
    assert 0.02 < some.stderr < 0.08
    assert partial_estimate([0.0] * 100, 400, bounds=(0, 1)).stderr < some.stderr / 3


@pytest.mark.parametrize("part", [[], [0.0] * 6, [float("nan")], [[0.0]]])
def test_what_is_no_part_of_the_items_is_refused(part):
    with pytest.raises(ValueError, match="between 1 and 5 finite values"):
        partial_estimate(part, 5)


def test_one_value_has_an_error_only_with_bounds():
    with pytest.raises(ValueError, match="give bounds"):
        partial_estimate([1.0], 5)
    assert partial_estimate([1.0], 5, bounds=(0, 1)).stderr > 0.4
