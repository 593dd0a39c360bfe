"""Who is raced against, what stops a candidate, what never does."""

import math

import numpy as np
import pytest
from front_cases import given
from hypothesis import strategies as st

from optimerge.front.racing.race import Incumbent, Race, RaceTask, dominated

N = 200
TASKS = [RaceTask(N), RaceTask(N // 2)]


def answers(share, task=0, seed=0):
    """Losses of a model with this share right, spread over the items at random."""
    count = TASKS[task].items
    right = round(share * count)
    losses = np.repeat([-1.0, 0.0], [right, count - right])
    return np.random.default_rng([seed, task]).permutation(losses)


def member(number, *shares, exact=(0.5,)):
    return Incumbent(str(number), [answers(s, t, number) for t, s in enumerate(shares)], exact)


def judged(shares, members, items=(60, 60), exact=(0.5,), **more):
    partial = [answers(s, t, 99)[:m] for t, (s, m) in enumerate(zip(shares, items, strict=True))]
    return dominated(TASKS, partial, exact, members, **more)


def test_a_broken_candidate_is_stopped_with_its_evidence():
    members = [member(4, 0.5, 0.5), member(7, 0.8, 0.9)]
    verdict = judged((0.2, 0.2), members, items=(30, 20))
    assert verdict is not None
    assert verdict.incumbent == "7"
    assert verdict.items == (30, 20)
    assert verdict.rivals == 2
    assert verdict.needed == pytest.approx(math.log(20))
    assert verdict.joint >= verdict.needed
    # the mean over two rivals: no more than the larger, no less than half of it
    assert min(verdict.log_evidence) - math.log(2) <= verdict.joint <= min(verdict.log_evidence)
    assert not verdict.certain


def test_one_task_in_which_it_is_as_good_saves_it():
    assert judged((0.2, 0.9), [member(7, 0.8, 0.9)], items=(150, 80)) is None
    assert judged((0.2, 0.5), [member(7, 0.8, 0.9)], items=(150, 80)) is not None


def test_a_sparser_candidate_is_not_raced_against_members_that_are_not():
    members = [member(7, 0.8, 0.9, exact=(0.5, 0.2))]
    assert judged((0.2, 0.2), members, exact=(0.5, 0.2)) is not None
    assert judged((0.2, 0.2), members, exact=(0.4, 0.9)) is None
    race = Race(TASKS, members, (0.4, 0.9))
    assert not race.open


def test_exact_losses_that_are_no_numbers_settle_nothing():
    assert judged((0.2, 0.2), [member(7, 0.8, 0.9, exact=(math.nan,))]) is None
    assert judged((0.2, 0.2), [member(7, 0.8, 0.9)], exact=(math.nan,)) is None


def test_members_without_values_per_item_are_skipped():
    old = Incumbent("3", None, (0.5,))
    assert judged((0.2, 0.2), [old]) is None
    verdict = judged((0.2, 0.2), [old, member(7, 0.8, 0.9)])
    assert verdict is not None
    assert (verdict.incumbent, verdict.rivals) == ("7", 1)


def test_a_first_candidate_without_a_front_is_scored_in_full():
    assert not Race(TASKS, []).open
    assert judged((0.0, 0.0), [], exact=()) is None


def test_more_confidence_needs_more_items():
    members = [member(7, 0.7, 0.7)]
    stops = [
        next((m for m in range(10, 100) if judged((0.4, 0.4), members, (m, m), confidence=c)), 100)
        for c in (0.5, 0.95, 0.999)
    ]
    assert stops == sorted(set(stops))


def test_rivals_that_agree_are_more_evidence_than_bonferroni_allows():
    alone = judged((0.45, 0.45), [member(n, 0.7, 0.7) for n in range(1)], (80, 80))
    among = judged((0.45, 0.45), [member(n, 0.7, 0.7) for n in range(8)], (80, 80))
    assert alone is not None
    assert among is not None
    assert among.joint > min(among.log_evidence) - math.log(8) + 0.5


def ones(number, right, exact=0.5):
    """A member whose first items are right."""
    losses = [-(np.arange(t.items) < r).astype(float) for t, r in zip(TASKS, right, strict=True)]
    return Incumbent(str(number), losses, (exact,))


def test_who_cannot_catch_up_is_stopped_for_certain():
    partial = [np.zeros(41), np.zeros(21)]
    verdict = dominated(TASKS, partial, [0.5], [ones(7, (160, 80))], confidence=0.999999)
    assert verdict is not None
    assert verdict.certain
    assert verdict.log_evidence == (math.inf, math.inf)


def test_who_can_only_draw_level_is_dominated_only_by_a_member_that_is_ahead_elsewhere():
    partial = [np.zeros(40), np.zeros(20)]
    level = dominated(TASKS, partial, [0.5], [ones(7, (160, 80))])
    sure = dominated(TASKS, partial, [0.6], [ones(7, (160, 80))])
    assert level is None or not level.certain
    assert sure is not None
    assert sure.certain


def test_the_race_is_over_for_members_that_are_beaten_for_certain():
    race = Race(TASKS, [ones(7, (50, 50))], [0.5])
    race.add(0, np.full(50, -1.0))
    assert race.open  # it may still draw level in this task
    race.add(0, [-1.0])
    assert not race.open
    race.add(1, np.zeros(99))
    assert race.verdict() is None


def test_a_candidate_that_is_scored_in_full_is_not_stopped():
    race = Race(TASKS, [ones(7, (160, 80))], [0.5])
    race.add(0, np.zeros(200))
    race.add(1, np.zeros(99))
    assert race.verdict() is not None
    race.add(1, np.zeros(1))
    assert race.finished
    assert not race.open
    assert race.verdict() is None


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_in_every_order_an_equal_of_all_members_is_never_certain_to_lose(seed, count):
    random = np.random.default_rng(seed)
    sizes = random.integers(5, 40, 2)
    right = [random.integers(0, n + 1) for n in sizes]

    def model():
        return [
            -random.permutation(np.arange(n) < r).astype(float)
            for n, r in zip(sizes, right, strict=True)
        ]

    race = Race(
        [RaceTask(int(n)) for n in sizes], [Incumbent(str(n), model()) for n in range(count)]
    )
    for items in zip(*(np.array_split(losses, 4) for losses in model()), strict=True):
        for task, losses in enumerate(items):
            race.add(task, losses)
        verdict = race.verdict()
        assert verdict is None or not verdict.certain


@given(st.integers(0, 2**32))
def test_portions_do_not_matter(seed):
    random = np.random.default_rng(seed)
    members = [member(n, *random.random(2)) for n in range(3)]
    mine = [answers(s, t, 5)[:90] for t, s in enumerate(random.random(2))]
    race = Race(TASKS, members, [0.5])
    for part in zip(*(np.array_split(losses, 1 + seed % 9) for losses in mine), strict=True):
        for task, losses in enumerate(part):
            race.add(task, losses)
    whole = dominated(TASKS, mine, [0.5], members)
    parts = race.verdict()
    assert (whole is None) == (parts is None)
    if whole is not None and parts is not None:
        assert whole.incumbent == parts.incumbent
        assert parts.joint == pytest.approx(whole.joint)


@pytest.mark.parametrize(("low", "high"), [(-math.inf, 0), (0, math.inf), (0, math.nan), (1, 1)])
def test_a_task_without_bounds_cannot_be_raced(low, high):
    with pytest.raises(ValueError, match="needs bounds"):
        RaceTask(100, low, high)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tasks": []}, "at least one task"),
        ({"confidence": 1.0}, "confidence must be between 0 and 1"),
        ({"exact": (1, 2)}, "needs 2 exact losses"),
        ({"incumbents": [Incumbent("7", [[0.0] * 3, [0.0] * 100], (0.5,))]}, "task 0 needs 200"),
        ({"incumbents": [Incumbent("7", [[2.0] * 200, [0.0] * 100], (0.5,))]}, "between -1.0 and"),
    ],
)
def test_what_cannot_be_raced_is_refused(change, said):
    good = {"tasks": TASKS, "incumbents": [member(7, 0.8, 0.9)], "exact": (0.5,)}
    Race(**good)
    with pytest.raises(ValueError, match=said):
        Race(**{**good, **change})


def test_a_task_without_items_is_refused():
    with pytest.raises(ValueError, match="at least one item"):
        RaceTask(0)
