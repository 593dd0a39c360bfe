"""A suite is as good as the faults it has been seen to catch."""

import numpy as np
import pytest
from front_cases import SIDE, brute_front, brute_volume, corner, grids
from hypothesis import Phase, given, settings

from optimerge.front.dominance import non_dominated
from optimerge.front.hypervolume import hypervolume
from optimerge.front.knee import knee

quick = settings(
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # a plant need not be shrunk
)


def law_front(mask):
    @quick
    @given(grids(nan=True))
    def law(losses):
        assert list(mask(losses)) == brute_front(losses)

    law()


def law_volume(volume):
    @quick
    @given(grids(nan=True))
    def law(losses):
        assert volume(losses, corner(losses)) == brute_volume(losses)

    law()


def law_knee_is_a_row_of_any_order(pick):
    @quick
    @given(grids(min_rows=1))
    def law(losses):
        front = losses[non_dominated(losses)]
        units = np.full(front.shape[1], float(SIDE))
        turned = front[::-1]
        assert 0 <= pick(front, units) < len(front)
        # a tie may go either way, but not to a worse point
        one, two = front[pick(front, units)], turned[pick(turned, units)]
        assert sorted(one) == sorted(two) or one.sum() == two.sum()

    law()


def weak_dominance(losses):
    """A row that another equals is thrown out, the first one too."""
    others = [np.delete(losses, i, axis=0) for i in range(len(losses))]
    return [
        not np.isnan(row).any() and not (rest <= row).all(axis=1).any()
        for row, rest in zip(losses, others, strict=True)
    ]


def strict_dominance(losses):
    """Better in every objective is asked for."""
    return [not np.isnan(row).any() and not (losses < row).all(axis=1).any() for row in losses]


def nan_on_the_front(losses):
    return [not ((losses <= row).all(axis=1) & (losses < row).any(axis=1)).any() for row in losses]


def maximised(losses):
    return non_dominated(-losses)


def duplicates_twice(losses, reference):
    rows, counts = np.unique(losses, axis=0, return_counts=True)
    return hypervolume(losses, reference) + sum(
        (n - 1) * hypervolume(row[None], reference) for row, n in zip(rows, counts, strict=True)
    )


def boxes_summed(losses, reference):
    front = losses[non_dominated(losses)]
    return float(np.maximum(reference - front, 0).prod(axis=1).sum())


def beyond_the_reference(losses, reference):
    return hypervolume(losses, reference + 1)


def last_objective_forgotten(losses, reference):
    if losses.shape[1] == 1:
        return hypervolume(losses, reference)
    return hypervolume(losses[:, :-1], reference[:-1])


@pytest.mark.parametrize(
    ("law", "plant"),
    [(law_front, p) for p in (weak_dominance, strict_dominance, nan_on_the_front, maximised)]
    + [
        (law_volume, p)
        for p in (duplicates_twice, boxes_summed, beyond_the_reference, last_objective_forgotten)
    ]
    + [(law_knee_is_a_row_of_any_order, lambda front, units: len(front) // 3)],
)
def test_planted_fault_is_caught(law, plant):
    with pytest.raises(AssertionError):
        law(plant)


def test_the_laws_hold_without_a_plant():
    law_front(non_dominated)
    law_volume(hypervolume)
    law_knee_is_a_row_of_any_order(knee)
