"""MM-MO's parts, each alone: elites, crossover, selection."""

import numpy as np
import pytest
from mmmo_cases import SIX, history
from numpy.typing import NDArray

from optimerge.front.dominance import non_dominated
from optimerge.front.hypervolume import contributions
from optimerge.search.samplers.mmmo.crossover import towards
from optimerge.search.samplers.mmmo.elites import best_by_contribution, best_by_sum
from optimerge.search.samplers.mmmo.mended import Parts, Round
from optimerge.search.samplers.mmmo.model import Model, fit_model
from optimerge.search.samplers.mmmo.selection import (
    information,
    least_known,
    least_known_together,
)

Array = NDArray[np.float64]
NUMBERS = np.ones(6, dtype=np.bool_)


def test_elites_are_those_that_the_front_would_miss_most() -> None:
    losses = np.array([[0, 0.99], [0.45, 0.5], [0.5, 0.45], [0.99, 0], [0.6, 0.6], [0.95, 0.95]])
    found = best_by_contribution(losses, np.full(2, 2.0), 5)
    # the ends win alone what the two close ones share; then the second layer
    assert set(found[:2]) == {0, 3}
    assert set(found[2:4]) == {1, 2}
    assert found[4] == 4
    assert len(best_by_contribution(losses, np.ones(2), 99)) == 6


def test_with_many_objectives_elites_are_nearly_the_same() -> None:
    losses = 1 - np.abs(np.random.default_rng(0).normal(size=(60, 4))) / 3
    front = losses[non_dominated(losses)]
    exact = contributions(front, np.ones(4))
    found = best_by_contribution(losses, np.ones(4), 5)
    of_found = contributions(losses, np.ones(4))[found]
    assert of_found.sum() > 0.9 * np.sort(exact)[-5:].sum()


def test_outside_the_reference_small_losses_count() -> None:
    losses = np.array([[5.0, 2.0], [2.0, 4.0], [1.5, 9.0]])
    assert best_by_contribution(losses, np.ones(2), 3).tolist() == [1, 0, 2]


def test_the_released_elites_follow_the_larger_numbers_and_never_sparsity() -> None:
    scores = np.array([[0.1, 50.0, -1.0], [0.9, 40.0, 0.0], [0.5, 45.0, 9.0], [0.0, 60.0, -9.0]])
    assert best_by_sum(scores, 3).tolist() == [3, 0, 2]


def test_a_crossed_point_is_the_mutant_of_three_elites_or_itself() -> None:
    rng = np.random.default_rng(1)
    weak, elites = rng.random((200, 6)), rng.random((5, 6))
    crossed = towards(weak, elites, NUMBERS, np.random.default_rng(2))
    share = []
    for own, row in zip(weak, crossed, strict=True):
        mutants = [
            np.clip(elites[a] + 0.5 * (elites[b] - elites[c]), 0, 1)
            for a in range(5)
            for b in range(5)
            for c in range(5)
            if len({a, b, c}) == 3
        ]
        moved = row != own
        assert moved.any()
        assert any((mutant == row)[moved].all() for mutant in mutants)
        share.append(moved.mean())
    assert np.mean(share) == pytest.approx(0.5, abs=0.05)


def test_one_coordinate_is_the_mutants_whatever_the_rate() -> None:
    rng = np.random.default_rng(1)
    weak, elites = rng.random((50, 6)), rng.random((3, 6))
    crossed = towards(weak, elites, NUMBERS, rng, rate=0.0)
    assert ((crossed != weak).sum(axis=1) == 1).all()
    assert (crossed >= 0).all()
    assert (crossed <= 1).all()


def test_with_less_than_three_elites_nothing_is_crossed() -> None:
    weak = np.random.default_rng(1).random((4, 6))
    assert (towards(weak, weak[:2], NUMBERS, np.random.default_rng(0)) == weak).all()


def test_a_choice_comes_from_a_donor_and_what_donors_lack_stays() -> None:
    numeric = np.array([False, True, True])
    nan = np.nan
    elites = np.array([[2.0, 0.2, nan], [2.0, 0.4, nan], [4.0, 0.6, nan]])
    weak = np.tile([0.0, 0.9, 0.5], (100, 1))
    crossed = towards(weak, elites, numeric, np.random.default_rng(0), rate=1.0)
    assert set(crossed[:, 0]) == {2.0, 4.0}
    assert (crossed[:, 2] == 0.5).all()
    elites = np.array([[2.0, 0.2, 0.3], [2.0, 0.4, nan], [4.0, 0.6, nan]])
    crossed = towards(weak, elites, numeric, np.random.default_rng(0), rate=1.0)
    assert set(crossed[:, 2]) == {0.3, 0.5}


def fitted(trials: int = 12) -> Model:
    known = history(trials)
    return fit_model(known.rows, known.losses, known.variances, SIX)


def test_information_is_the_sum_of_inverse_variances() -> None:
    variances = np.array([[0.5, 0.25], [1.0, 1.0], [0.1, 4.0]])
    assert information(variances) == pytest.approx([6.0, 2.0, 10.25])
    assert least_known(variances, 2).tolist() == [1, 0]


def test_near_copies_are_both_taken_alone_but_only_one_together() -> None:
    model, rng = fitted(), np.random.default_rng(5)
    near = history(12).rows[:4] + 0.02  # well known
    far = np.full((1, 6), 0.98)
    pool = np.concatenate((near, far, far - 1e-3, rng.random((2, 6))))
    alone = least_known(model.predict(pool)[1], 3)
    assert {4, 5} <= set(alone)

    def given(rows: Array, taken: Array) -> Array:
        return model.given(taken).predict(rows)[1]

    together = least_known_together(pool, given, 3)
    assert len({4, 5} & set(together)) == 1
    assert together[0] == alone[0]
    assert not set(together) & {0, 1, 2, 3}


def test_no_candidate_is_taken_twice() -> None:
    pool = np.random.default_rng(0).random((4, 6))
    found = least_known_together(pool, lambda rows, taken: np.ones((len(rows), 2)), 9)
    assert sorted(found) == [0, 1, 2, 3]


def test_what_is_being_scored_counts_as_known() -> None:
    pending, rng = np.full((1, 6), 0.9), np.random.default_rng(0)
    models = [
        Round(history(12, pending=rows), SIX, None, Parts(), rng).model
        for rows in (pending[:0], pending)
    ]
    without, with_it = (model.predict(pending)[1] for model in models)
    assert (with_it < 0.1 * without).all()


def test_what_is_supposed_narrows_the_variance_and_leaves_the_mean() -> None:
    model, rows = fitted(), np.random.default_rng(3).random((30, 6))
    taken = np.full((1, 6), 0.9)
    before, wide = model.predict(rows)
    after, narrow = model.given(taken).predict(rows)
    assert after == pytest.approx(before, abs=1e-4)
    assert (narrow <= wide + 1e-12).all()
    assert (model.given(taken).predict(taken)[1] < 0.1 * model.predict(taken)[1]).all()
    unchanged = model.given(taken[:0]).predict(rows)
    assert (unchanged[0] == before).all()
    assert (unchanged[1] == wide).all()


def test_known_noise_reaches_the_processes() -> None:
    known = history(12)
    some = np.full_like(known.variances, np.nan)
    some[:6, 0] = 0.0004
    noise = noise_of(fit_model(known.rows, known.losses, some, SIX))
    assert np.ptp(noise) == 0  # unknown ones are taken for the mean of the known
    less = np.where(np.isnan(some), 0.0004, some)
    less[0, 0] = 0.0
    told = noise_of(fit_model(known.rows, known.losses, less, SIX))
    assert told[0] < told[1]


def noise_of(model: Model) -> Array:
    """What the first output's process takes for the noise of each observation."""
    return model.outputs[0].process.noise
