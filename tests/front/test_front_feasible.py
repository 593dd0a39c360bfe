"""Constraints on the front: what breaks one is never on it, and what to say where all do."""

import json

import numpy as np
import pytest
from front_cases import OBJECTIVES, given, study, trial
from hypothesis import strategies as st

from optimerge.errors import RunError
from optimerge.front.as_csv import to_csv
from optimerge.front.as_json import to_json
from optimerge.front.certainty import NOTHING, make_certainty
from optimerge.front.choose import choose
from optimerge.front.feasible import (
    broken,
    kept_counts,
    nearest,
    nearest_merge,
    no_merge_feasible,
    none_feasible,
)
from optimerge.front.front import make_front
from optimerge.front.hypervolume import hypervolume
from optimerge.front.losses import losses_of
from optimerge.front.table import all_table, front_table
from optimerge.records.artifacts import artifacts_in

points = st.lists(
    st.tuples(
        st.tuples(*[st.integers(0, 4).map(float)] * 3),
        st.tuples(*[st.sampled_from([-1.0, 0.0, 1e-9, 2.0])] * 2),
        st.sampled_from(["sampler", "expert:a", "base"]),
    ),
    min_size=1,
    max_size=9,
)


def constrained(drawn):
    return [
        trial(i, values, origin, constraints={"maths >= 1": one, "size <= 3": two})
        for i, (values, (one, two), origin) in enumerate(drawn)
    ]


@given(points)
def test_no_infeasible_trial_is_ever_on_the_front(drawn):
    trials = constrained(drawn)
    front = make_front(trials, OBJECTIVES)
    assert all(t.feasible for t in front.members)
    # and the front is the one of the feasible trials alone: the others dominate nothing
    allowed = [t for t in trials if max(t.constraints.values()) <= 0]
    alone = make_front(allowed, OBJECTIVES, front.reference, front.scales)
    assert [t.number for t in front.members] == [t.number for t in alone.members]
    assert front.hypervolume == alone.hypervolume
    assert set(map(id, front.feasible)) == set(map(id, allowed))
    assert len(front.trials) == len(trials)
    for how in ("knee", "mean", "best:code"):
        if allowed:
            assert choose(front, how).feasible
        else:
            with pytest.raises(RunError, match="none of the"):
                choose(front, how)


def test_a_front_that_forgot_the_constraints_would_be_seen():
    best = trial(0, [1.0, 1.0, 0.0], constraints={"a >= 1": 0.5})
    worse = trial(1, [0.5, 0.5, 1.0], constraints={"a >= 1": 0.0})
    assert [t.name for t in make_front([best, worse], OBJECTIVES).members] == ["1"]
    forgot = [trial(0, [1.0, 1.0, 0.0]), trial(1, [0.5, 0.5, 1.0])]
    assert [t.name for t in make_front(forgot, OBJECTIVES).members] == ["0"]


def test_infeasible_parents_are_still_the_yardstick():
    trials = study()
    kept = make_front(trials, OBJECTIVES)
    limited = [
        trial(t.number, [s.value for s in t.scores.values()], t.origin, constraints={"x": 1.0})
        if t.is_parent
        else t
        for t in trials
    ]
    front = make_front(limited, OBJECTIVES)
    np.testing.assert_array_equal(front.reference, kept.reference)
    np.testing.assert_array_equal(front.scales, kept.scales)
    assert not any(t.is_parent for t in front.members)
    merges = [t for t in trials if not t.is_parent]
    assert front.hypervolume == hypervolume(losses_of(merges, OBJECTIVES), front.reference)


def two_that_miss():
    return [
        trial(0, [0.5, 0.5, 0.5], constraints={"maths >= 0.6": 0.1, "size <= 100": 300.0}),
        trial(1, [0.5, 0.5, 0.5], constraints={"maths >= 0.6": 0.11, "size <= 100": 10.0}),
        trial(2, [0.1, 0.5, 0.5], constraints={"maths >= 0.6": 0.5, "size <= 100": -5.0}),
    ]


def test_the_nearest_is_told_without_regard_to_units():
    trials = two_that_miss()
    assert nearest(trials) is trials[1]
    thousand = [
        trial(t.number, [0, 0, 0], constraints={k: v * f for (k, v), f in zip(t.constraints.items(), (1e6, 1), strict=True)})
        for t in trials
    ]  # fmt: skip
    assert nearest(thousand) is thousand[1]
    assert nearest([]) is None


def test_none_feasible_is_a_sentence_with_the_way_out():
    front = make_front(two_that_miss(), OBJECTIVES)
    assert front.members == ()
    text = none_feasible(front.trials)
    for words in ("none of the 3 complete", "trial 1", "maths >= 0.6 by 0.11, size <= 100 by 10"):
        assert words in text
    assert text.endswith("; `optimerge front RUN --all` shows them")
    with pytest.raises(RunError, match="--trial 1"):
        choose(front, "knee")
    assert choose(front, "trial:2").name == "2"


def test_the_nearest_is_a_merge_where_there_is_one():
    base = trial(None, [0.5, 0.5, 0.5], "base", constraints={"maths >= 0.6": 0.01})
    trials = [base, *two_that_miss()]
    assert nearest(trials) is base
    assert nearest_merge(trials) is trials[2]
    assert "; trial 1 comes nearest" in none_feasible(trials)
    assert nearest_merge([base]) is base
    assert nearest_merge([]) is None


def test_a_front_without_members_says_nothing_of_its_evidence(tmp_path):
    front = make_front(two_that_miss(), OBJECTIVES)
    assert make_certainty(front, artifacts_in(tmp_path)) is NOTHING


def test_counts_of_what_is_kept():
    assert kept_counts(two_that_miss()) == {"maths >= 0.6": (0, 3), "size <= 100": (1, 3)}
    assert broken(two_that_miss()[2]) == "maths >= 0.6 by 0.5"
    assert kept_counts(study()) == {}


def test_tables_say_what_is_missed():
    trials = [*two_that_miss(), trial(3, [0.7, 0.5, 0.5], constraints={"maths >= 0.6": -0.1, "size <= 100": -1.0})]  # fmt: skip
    table = all_table(trials, make_front(trials, OBJECTIVES))
    assert table["infeasible"].tolist()[1:] == ["maths >= 0.6 by 0.11, size <= 100 by 10", "maths >= 0.6 by 0.5", ""]  # fmt: skip
    assert table["size <= 100"].tolist() == [300.0, 10.0, -5.0, -1.0]
    front = make_front(trials, OBJECTIVES)
    assert "maths >= 0.6" in to_csv(front_table(front)).splitlines()[0]
    (member,) = json.loads(to_json(front.members, front))
    assert member["constraints"] == {"maths >= 0.6": -0.1, "size <= 100": -1.0}
    assert "infeasible" not in all_table(study(), make_front(study(), OBJECTIVES))


def test_merges_that_all_break_a_constraint_are_told_of_where_a_parent_keeps_it():
    base = trial(None, [0.5, 0.5, 0.0], "base", constraints={"drift <= 0.1": -0.1})
    merges = [
        trial(n, [0.9, 0.9, 1.0], constraints={"drift <= 0.1": beyond})
        for n, beyond in enumerate((0.4, 0.2))
    ]
    said = no_merge_feasible([base, *merges])
    assert said.startswith("none of the 2 merges keeps every constraint; trial 1 comes nearest")
    kept = trial(2, [0.6, 0.6, 1.0], constraints={"drift <= 0.1": 0.0})
    assert no_merge_feasible([base, *merges, kept]) == ""
    assert no_merge_feasible([base]) == ""
