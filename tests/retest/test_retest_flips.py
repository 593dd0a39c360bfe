"""Sign-flip tests keep their level, alone and corrected; planted faults do not."""

import math

import numpy as np
import pytest
from retest_cases import KINDS, results

from optimerge.front.paired import Outcomes, Part
from optimerge.retest import flips
from optimerge.retest.beats import compare
from optimerge.retest.flips import make_pairs, p_values, single, step_down
from optimerge.retest.sample import make_sample


def outcomes(values, errors=None):
    count = values.shape[1]
    return Outcomes(
        values.mean(axis=0), np.zeros(count) if errors is None else errors, (Part(values),)
    )


def test_the_p_value_of_right_or_wrong_outcomes_is_mcnemars():
    """9 documents tell the two apart, 8 of them for the model."""
    values = np.zeros((100, 2))
    values[:8, 0], values[8, 1] = -1, -1
    pairs = make_pairs([outcomes(values)], ["maths"], [(0, 1)])
    alone, corrected = p_values([pairs], flips=40_000)
    exact = sum(math.comb(9, k) for k in (8, 9)) / 2**9
    assert alone[0] == pytest.approx(exact, rel=0.1)
    assert corrected[0] == alone[0]
    assert pairs.differences[0] == pytest.approx(0.07)
    assert pairs.stderrs[0] == pytest.approx((values[:, 1] - values[:, 0]).std(ddof=1) / 10)


def test_equal_models_are_never_significant():
    values = np.random.default_rng(0).normal(size=(30, 1)) * np.ones((1, 2))
    alone, _ = p_values([make_pairs([outcomes(values)], ["maths"], [(0, 1)])], flips=200)
    assert alone.tolist() == [1.0]


def test_the_mean_of_tasks_has_all_their_documents():
    random = np.random.default_rng(1)
    each = [outcomes(random.normal(size=(n, 2))) for n in (40, 60)]
    pairs = make_pairs(each, ["maths", "code"], [(0, 1)])
    differences = [o.parts[0].losses @ [-1, 1] for o in each]
    assert pairs.differences[0] == pytest.approx(np.mean([d.mean() for d in differences]))
    errors = [d.std(ddof=1) / len(d) ** 0.5 for d in differences]
    assert pairs.stderrs[0] == pytest.approx(math.hypot(*errors) / 2)


def test_what_has_no_documents_is_tested_by_its_standard_error():
    each = Outcomes(np.array([0.0, 0.2]), np.array([0.06, 0.08]))
    pairs = make_pairs([each], ["f1"], [(0, 1)])
    alone, _ = p_values([pairs], flips=20_000)
    assert pairs.stderrs[0] == pytest.approx(0.1)
    assert alone[0] == pytest.approx(0.0228, abs=0.004)


def test_stepping_down_lies_between_nothing_and_holm():
    random = np.random.default_rng(2)
    seen, drawn = np.array([2.5, 1.0, 2.2, 0.1]), random.normal(size=(20_000, 4))
    alone, corrected = single(seen, drawn), step_down(seen, drawn)
    order = np.argsort(alone)
    holm = np.empty(4)
    holm[order] = np.minimum(1, np.maximum.accumulate(alone[order] * np.arange(4, 0, -1)))
    assert (corrected >= alone).all()
    assert (corrected <= holm + 0.01).all()
    kin = np.repeat(drawn[:, :1], 4, axis=1)  # one and the same test four times
    assert step_down(np.full(4, 2.0), kin).tolist() == single(np.full(4, 2.0), kin).tolist()


MANY = dict.fromkeys("1234", "merge") | dict.fromkeys(("a", "b"), "baseline")


def false_alarms(cases=120, kinds=MANY, kinship=0.7):
    """Of so many studies in which no merge is better, the share in which one is said to be."""
    wrong = 0
    for seed in range(cases):
        truth = dict.fromkeys(kinds, 0.5) | {"b": 0.3}  # the worst case: one rival matters
        found = results(truth, items=80, seed=seed, kinds=kinds)
        sample = make_sample(found, "test", draws=2)
        made = compare(sample, "baselines", ["maths", "code", None], flips=199)
        assert {c.family for c in made} == {12}
        wrong += any(c.significant for c in made)
    return wrong / cases


def law_of_the_family():
    """At most 5 %, and two standard errors of 120 cases."""
    assert false_alarms() <= 0.05 + 2 * (0.05 * 0.95 / 120) ** 0.5


def test_one_in_twenty_studies_at_most_has_a_false_winner():
    law_of_the_family()


def test_uncorrected_tests_break_the_law(monkeypatch):
    monkeypatch.setattr(flips, "step_down", single)
    with pytest.raises(AssertionError):
        law_of_the_family()


def test_a_true_winner_is_found():
    found = 0
    for seed in range(20):
        truth = dict.fromkeys(KINDS, 0.5) | {"3": 0.72}
        sample = make_sample(results(truth, seed=seed), "test", draws=2)
        made = compare(sample, "baselines", [None], flips=199)
        found += made[0].model == "3" and made[0].significant
        assert not made[1].significant or seed in (0, 1, 2)  # the other merge, but for bad luck
    assert found == 20
