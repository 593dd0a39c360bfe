"""Intervals hold the truth in about 95 of 100 studies; those of planted faults do not."""

import numpy as np
import pytest
from retest_cases import EQUAL, KINDS, TASKS, WINS, results

from optimerge.front.hypervolume import hypervolume
from optimerge.front.paired import draw
from optimerge.records.types import Score
from optimerge.retest.beats import compare
from optimerge.retest.gaps import flattery, gaps
from optimerge.retest.sample import make_sample
from optimerge.retest.volumes import bias_corrected, volume

CASES = 150


def covered(interval, truth):
    return interval.low <= truth <= interval.high


def coverage_of_differences(cases=CASES):
    held = 0
    kinds = {"3": "merge", "uniform": "baseline"}
    for seed in range(cases):
        found = results({"3": 0.6, "uniform": 0.5}, items=100, seed=seed, kinds=kinds)
        sample = make_sample(found, "test", draws=300, seed=seed)
        (one,) = compare(sample, "baselines", [None], flips=9)
        held += covered(one.difference, 0.1)
    return held / cases


def law_of_coverage():
    assert 0.90 <= coverage_of_differences() <= 0.985


def test_intervals_of_differences_hold_the_truth():
    law_of_coverage()


def test_unpaired_draws_break_the_law(monkeypatch):
    """Kin vary together; drawn apart, their difference seems to vary more than it does."""

    def unpaired(objectives, draws, seed):
        both = [draw(objectives, draws, seed * 2 + m) for m in (0, 1)]
        return np.stack([both[0][:, 0], both[1][:, 1]], axis=1)

    monkeypatch.setattr("optimerge.retest.sample.draw", unpaired)
    with pytest.raises(AssertionError):
        law_of_coverage()


def coverage_of_volumes(interval=bias_corrected, cases=CASES):
    """Four merges that differ little: the front of noisy scores is beyond that of the truth."""
    kinds = dict.fromkeys("1234", "merge") | {"base": "parent"}
    skill = {"1": (0.6, 0.4), "2": (0.55, 0.5), "3": (0.5, 0.55), "4": (0.4, 0.6)}
    truth = skill | {"base": (0.3, 0.3)}
    held = 0
    for seed in range(cases):
        found = results(truth, items=100, seed=seed, kinds=kinds)
        sample = make_sample(found, "test", draws=200, seed=seed)
        one = volume(sample, range(5), found.reference, found.scales)
        sizes = [0.3, 0.5, 0.3, 0.5, 0.0]  # see retest_cases.SIZES
        sizes = [t.test["size"].value for t in found.tested]
        losses = np.array([[-a, -b, s] for (a, b), s in zip(truth.values(), sizes, strict=True)])
        true = hypervolume(losses / found.scales, np.array(found.reference) / found.scales)
        held += covered(one, true)
    return held / cases


@pytest.mark.slow
def test_intervals_of_hypervolumes_hold_the_truth():
    assert 0.88 <= coverage_of_volumes() <= 0.99


def test_bias_correction_moves_an_interval_whose_draws_lie_above_the_value():
    drawn = np.random.default_rng(0).normal(1.0, 1.0, 20_000)
    low, high = bias_corrected(drawn, 0.0)
    assert (low, high) == (pytest.approx(-2.96, abs=0.15), pytest.approx(0.96, abs=0.1))
    assert bias_corrected(drawn, -99.0)[0] == drawn.min().round(12)


def test_the_gap_adds_the_variances_of_both_item_sets():
    search = {
        "maths": Score(0.7, 0.03, 200, "maximize", 1.0),
        "size": Score(0.4, None, 0, "minimize", 0),
    }
    test = {"maths": Score(0.6, 0.04, 100, "maximize", 1.0), "size": Score(0.4, None, 0, "minimize", 0), "more": Score(0.1, 0, 9, "maximize", 0)}  # fmt: skip
    found = gaps(search, test)
    assert list(found) == ["maths", "size"]
    assert found["maths"].value == pytest.approx(0.1)
    assert found["maths"].stderr == pytest.approx(0.05)
    assert found["maths"].low == pytest.approx(0.002)
    assert (found["size"].value, found["size"].stderr) == (0.0, 0.0)
    unknown = {"maths": Score(0.7, None, 200, "maximize", 1.0)}
    assert gaps(unknown, test)["maths"].stderr is None


def both(found, draws=400):
    return make_sample(found, "search", draws), make_sample(found, "test", draws)


def test_a_front_that_was_chosen_by_luck_is_called_flattered():
    lucky, fair = results(WINS, items=400, seed=1), results(EQUAL, items=400, seed=1)
    swapped = tuple(
        type(a)(**{**vars(b), "search": a.search, "search_items": a.search_items})
        if a.kind == "merge"
        else b
        for a, b in zip(lucky.tested, fair.tested, strict=True)
    )
    found = flattery(*both(type(fair)(**{**vars(fair), "tested": swapped})))
    assert found.flattered
    assert found.excess.value == pytest.approx(0.275, abs=0.06)
    assert found.excess.value == pytest.approx(found.gap.value - found.parents.value)
    assert not flattery(*both(fair)).flattered


def test_search_and_test_items_are_drawn_apart():
    search, test = both(results(EQUAL, items=60))
    assert search.seed != test.seed
    assert search.tasks == test.tasks == TASKS
    assert search.names == tuple(KINDS)
