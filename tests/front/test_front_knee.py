import numpy as np
import pytest
from front_cases import given, grids
from hypothesis import strategies as st

from optimerge.errors import RunError
from optimerge.front.dominance import non_dominated
from optimerge.front.knee import knee, smallest, smallest_mean
from optimerge.front.reference import reference_point, scales

T = np.linspace(0, 1, 21)


def test_finds_a_planted_knee_off_the_diagonal():
    front = [[0.0, 1.0], [0.05, 0.4], [0.3, 0.3], [1.0, 0.0]]
    assert knee(front, [1.0, 1.0]) == 1


@pytest.mark.parametrize("power", [0.5, 0.8])
def test_bent_front_has_its_knee_in_the_middle(power):
    front = np.stack((T, (1 - T**power) ** (1 / power)), axis=1)
    assert knee(front, [1.0, 1.0]) == np.argmin(np.abs(front[:, 0] - front[:, 1]))


@pytest.mark.parametrize("power", [1.0, 2.0, 4.0])
def test_straight_and_hollow_fronts_give_the_balanced_point_not_an_end(power):
    front = np.stack((T, (1 - T**power) ** (1 / power)), axis=1)
    assert knee(front, [1.0, 1.0]) == np.argmin(front.max(axis=1))


def test_two_points_give_the_one_that_loses_less_of_the_parents_range():
    front = [[0.0, 1.0], [3.0, 0.0]]
    assert knee(front, [10.0, 2.0]) == 1
    assert knee(front, [4.0, 2.0]) == 0


def test_three_objectives():
    assert knee([[0, 1, 1], [1, 0, 1], [1, 1, 0], [0.3, 0.3, 0.3], [0.1, 0.8, 0.5]], [1, 1, 1]) == 3


def test_a_trifling_objective_does_not_decide():
    # the second objective differs by 1e-5 of the parents' range over the whole front
    front = [[0.0, 2e-5], [0.4, 1e-5], [1.0, 0.0]]
    assert knee(front, [1.0, 1.0]) == 0


@pytest.mark.parametrize("pick", [knee, smallest_mean])
def test_one_point_ties_and_nan(pick):
    assert pick([[3.0, 7.0]], [1.0, 1.0]) == 0
    assert pick([[0.0, 1.0], [1.0, 0.0]], [1.0, 1.0]) == 0
    assert pick([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0]) == 0
    assert pick([[1.0], [0.5], [0.5]], [1.0]) == 1
    assert pick([[np.nan, 0.0], [0.0, np.inf], [5.0, 5.0]], [1.0, 1.0]) == 2
    with pytest.raises(ValueError, match="no finite row"):
        pick([[np.nan, 0.0]], [1.0, 1.0])
    with pytest.raises(ValueError, match="positive"):
        pick([[0.0, 0.0]], [1.0, 0.0])


def test_best_of_one_objective_takes_the_better_mean_of_equal_ones():
    losses = [[1.0, 2.0, 9.0], [1.0, 3.0, 0.0], [5.0, 0.0, 0.0]]
    assert [smallest(losses, [1.0, 1.0, 1.0], i) for i in range(3)] == [1, 2, 1]
    assert smallest(losses, [9.0, 1.0, 1.0], 2) == 2


@given(grids(min_rows=1), st.data())
def test_picks_depend_on_neither_order_nor_unit_nor_zero(losses, data):
    front = losses[non_dominated(losses)]
    m = front.shape[1]
    numbers = st.floats(1e-3, 1e3)
    unit = np.array(data.draw(st.lists(numbers, min_size=m, max_size=m)))
    zero = np.array(data.draw(st.lists(st.integers(-9, 9), min_size=m, max_size=m)))
    order = data.draw(st.permutations(range(len(front))))
    parents = np.arange(1.0, m + 1)
    for pick in (knee, smallest_mean):
        chosen = pick(front, parents)
        assert pick(front * unit + zero * unit, parents * unit) == chosen
        other = order[pick(front[order], parents)]
        above = (front - front.min(axis=0)) / parents
        if other != chosen:  # only where the rule itself is a tie
            assert above[other].mean() == pytest.approx(above[chosen].mean())


@given(grids(min_rows=1))
def test_reference_is_worse_than_every_parent_by_a_tenth_of_the_scale(parents):
    reference, unit = reference_point(parents), scales(parents)
    assert (unit > 0).all()
    assert (reference > parents.max(axis=0)).all()
    np.testing.assert_allclose(reference, parents.max(axis=0) + unit / 10)
    np.testing.assert_allclose(scales(parents * 4), np.where(parents.any(axis=0), unit * 4, 1.0))


def test_scales_without_a_range():
    assert scales([[-0.5, 0.0, 3.0]]).tolist() == [0.5, 1.0, 3.0]
    assert scales([[-0.5], [-0.5 + 1e-13]]).tolist() == [0.5]
    assert scales([[1.0, np.nan], [2.0, 3.0], [4.0, 5.0], [np.inf, 0.0]]).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("none", [np.empty((0, 2)), [[np.nan, 1.0]]])
def test_no_parent_no_reference(none):
    with pytest.raises(RunError, match="no parent"):
        reference_point(none)
