import numpy as np
import pytest
from front_cases import OBJECTIVES, given, study, trial
from hypothesis import strategies as st

from optimerge.errors import RunError
from optimerge.front.choose import choose, make_choice
from optimerge.front.front import make_front
from optimerge.front.limits import make_limits, parse_limit
from optimerge.front.losses import losses_of
from optimerge.front.weights import parse_weights


def front_of(trials=None):
    return make_front(study() if trials is None else trials, OBJECTIVES)


def test_the_reason_says_why_and_what_is_given_up():
    text = make_choice(front_of(), "best:code").reason
    assert text == (
        "trial 0: the best code (0.55) of the 2 on the front; it gives up 0.2 of maths (parent "
        "org/math-7b has 0.8), 0.15 of code (parent org/code-7b has 0.7), 0.6 of size (parent base "
        "has 0)"
    )


def test_a_choice_that_is_worse_than_the_base_is_told_so():
    base = trial(None, [0.6, 0.5, 0.0], "base")
    front = front_of([base, trial(0, [0.5, 0.7, 0.2]), trial(1, [0.7, 0.6, 0.3])])
    worse = "; it is worse than the base in maths (0.5, base 0.6)"
    assert make_choice(front, "trial:0").reason.endswith(worse)
    assert "worse" not in make_choice(front, "trial:1").reason
    assert "worse" not in make_choice(front, "trial:base").reason


def test_nothing_given_up_is_said():
    alone = [trial(0, [0.9, 0.9, 0.0]), trial(1, [0.5, 0.5, 1.0])]
    assert make_choice(front_of(alone), "knee").reason.endswith(
        "it gives up nothing: no member of the front is better in any objective"
    )


def test_a_pick_by_name_may_lie_behind_the_front():
    choice = make_choice(front_of(), "trial:1")
    assert choice.reason.startswith("trial 1: picked by name; it gives up ")
    assert choice.label == "picked by name"
    assert make_choice(front_of(), "trial:base").reason.startswith("parent base: picked by name")


def test_weights_turn_the_pick():
    assert choose(front_of(), "weights:maths=1").name == "6"
    assert choose(front_of(), "weights:code=1").name == "0"
    assert choose(front_of(), "weights:maths=.5,size=.5").name == "6"
    assert "(maths 0.25, code 0.75)" in make_choice(front_of(), "weights:maths=1,code=3").reason


@given(
    st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=8),
    st.tuples(*[st.integers(0, 3)] * 3),
)
def test_the_weighted_pick_has_the_smallest_weighted_mean(rows, weights):
    trials = [trial(i, [a / 5, b / 5, float(c)]) for i, (a, b, c) in enumerate(rows)]
    front = front_of(trials)
    asked = ",".join(f"{n}={w}" for n, w in zip(OBJECTIVES, weights, strict=True) if w)
    if not asked:
        return
    picked = choose(front, f"weights:{asked}")
    units = losses_of(front.trials, OBJECTIVES) / front.scales @ np.array(weights, float)
    mine = losses_of([picked], OBJECTIVES) / front.scales @ np.array(weights, float)
    assert mine[0] <= units.min() + 1e-9


def test_weights_are_shares_and_names_may_hold_commas():
    found = parse_weights("exact_match,strict=3, b =1", ["exact_match,strict", "a", "b"])
    assert found.tolist() == [0.75, 0.0, 0.25]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("mths=1", "did you mean 'maths'"),
        ("maths=0", "no positive number"),
        ("maths=-1", "no positive number"),
        ("maths=inf", "no positive number"),
        ("maths=a", "no positive number"),
        ("maths=1,maths=2", "two weights"),
        ("maths", "has no weight"),
        ("", "cannot pick|has no weight|no objective"),
        ("maths=1,code", "'code' has no weight"),
    ],
)
def test_weights_that_make_no_sense_are_refused(text, word):
    with pytest.raises(RunError, match=word):
        choose(front_of(), f"weights:{text}")


def test_what_beats_a_parent_is_picked_by_its_mean():
    trials = [
        trial(None, [0.5, 0.5, 1.0], "base"),
        trial(None, [0.9, 0.2, 2.0], "expert:maths-7b"),
        trial(0, [0.5, 0.6, 1.0]),
        trial(1, [0.8, 0.5, 0.5]),
        trial(2, [0.4, 0.99, 0.1]),
    ]
    choice = make_choice(front_of(trials), "dominates:base")
    assert choice.trial.name == "1"
    assert "of the 2 that beat parent base outright" in choice.reason


def test_where_none_beats_the_parent_the_nearest_is_told():
    with pytest.raises(RunError, match=r"trial 6 comes nearest \(worse in size by 0.4\)") as caught:
        choose(front_of(), "dominates:base")
    assert "beats parent base outright" in str(caught.value)
    with pytest.raises(RunError, match="did you mean 'base'"):
        choose(front_of(), "dominates:bse")
    with pytest.raises(RunError, match="no parent '0'"):
        choose(front_of(), "dominates:0")


def test_a_merge_that_equals_the_parent_does_not_beat_it():
    trials = [
        trial(None, [0.5, 0.5, 1.0], "base", constraints={"a >= 1": 1.0}),
        trial(0, [0.5, 0.5, 1.0], constraints={"a >= 1": 0.0}),
    ]
    with pytest.raises(RunError, match="trial 0 is only equal"):
        choose(front_of(trials), "dominates:base")


def test_limits_come_before_the_pick():
    front = front_of()
    assert choose(front, "best:code", make_limits({"maths": 0.65})).name == "6"
    assert choose(front, "best:maths", make_limits({"code": 0.4})).name == "0"
    choice = make_choice(front, "knee", make_limits({"maths": 0.65}, {"size": 0.5}))
    assert choice.trial.name == "6"
    assert "that keep maths >= 0.65 and size <= 0.5" in choice.reason
    assert choice.label == "picked by knee of those with maths >= 0.65 and size <= 0.5"


def test_a_limit_lets_in_what_only_its_breakers_dominate():
    trials = [trial(0, [0.9, 0.9, 0.1]), trial(1, [0.5, 0.5, 0.2]), trial(2, [0.4, 0.4, 0.3])]
    assert choose(front_of(trials), "mean", make_limits(at_most={"maths": 0.6})).name == "1"


def test_a_limit_is_kept_by_what_differs_from_it_by_rounding():
    third = [trial(0, [0.1 + 0.2, 0.5, 0.5])]
    assert choose(front_of(third), "knee", make_limits(at_most={"maths": 0.3})).name == "0"
    with pytest.raises(RunError):
        choose(front_of(third), "knee", make_limits(at_most={"maths": 0.29999}))


def test_where_no_trial_keeps_the_limits_the_nearest_is_told():
    with pytest.raises(RunError, match=r"trial 6 comes nearest \(it misses maths >= 0.75 by 0.05"):
        choose(front_of(), "knee", make_limits({"maths": 0.75}, {"size": 0.9}))
    with pytest.raises(RunError, match="did you mean 'maths'"):
        choose(front_of(), "knee", make_limits({"math": 0.75}))
    with pytest.raises(RunError, match=r"trial 0 misses maths >= 0\.7 by 0\.1"):
        choose(front_of(), "trial:0", make_limits({"maths": 0.7}))


def test_a_parent_is_taken_only_where_no_merge_keeps_the_limits_and_it_is_said():
    choice = make_choice(front_of(), "knee", make_limits({"maths": 0.75}))
    assert choice.trial.name == "org/math-7b"
    assert "of which none is a merge" in choice.reason


@pytest.mark.parametrize("text", ["maths", "=1", "maths=", "maths=x", "maths=nan", "maths=inf", ""])
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(RunError, match="is no limit"):
        parse_limit(text, "at_least")


@pytest.mark.parametrize("how", ["best", "weights", "dominates", "trial", "knee:x", "kneee", ""])
def test_what_is_no_pick_is_refused_with_all_there_are(how):
    with pytest.raises(RunError, match=r"dominates:PARENT or trial:NUMBER|did you mean"):
        choose(front_of(), how)


@pytest.mark.parametrize(("count", "shown"), [(8, "1, 2, 3, 4, 5, 6, 7"), (9, "6, 7, … 8")])
def test_a_trial_that_is_not_there_is_told_the_first_eight_and_the_last(count, shown):
    trials = [trial(n, [0.1, 0.2, 0.3 + n]) for n in range(count)]
    with pytest.raises(RunError) as caught:
        choose(front_of(trials), "trial:zzz")
    assert str(caught.value).endswith(shown)


@given(st.permutations(range(10)), max_examples=15)
def test_the_order_of_trials_changes_no_reason(order):
    trials = study()
    turned = [trials[i] for i in order]
    for how in ("knee", "mean", "best:maths", "weights:code=1,size=2"):
        one, other = make_choice(front_of(), how), make_choice(front_of(turned), how)
        assert (one.trial.name, one.reason) == (other.trial.name, other.reason)
