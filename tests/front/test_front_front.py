import dataclasses
import doctest
import importlib
import pkgutil

import numpy as np
import pytest
from front_cases import OBJECTIVES, given, study, trial
from hypothesis import strategies as st

import optimerge.front
from optimerge.errors import OptimergeError, RunError
from optimerge.front.choose import choose
from optimerge.front.front import make_front
from optimerge.front.losses import losses_of, to_loss, to_value
from optimerge.records.types import Score

MODULES = [m.name for m in pkgutil.iter_modules(optimerge.front.__path__)]


def names(trials):
    return [t.name for t in trials]


def test_front_of_a_study():
    front = make_front(study(), OBJECTIVES)
    parents = ["base", "org/code-7b", "org/math-7b"]
    assert names(front.trials) == [*parents, "0", "1", "2", "6"]
    assert names(front.members) == ["org/math-7b", "6", "0", "base", "org/code-7b"]
    assert [t.is_parent for t in front.members] == [True, False, False, True, True]
    np.testing.assert_allclose(front.scales, [0.7, 0.6, 1.0])
    np.testing.assert_allclose(front.reference, [-0.1 + 0.07, -0.1 + 0.06, 1.1])
    assert front.losses[0].tolist() == [-0.8, -0.1, 1.0]
    assert front.hypervolume > 0
    assert front.relative_hypervolume == pytest.approx(front.hypervolume / 0.42)


def test_order_of_trials_does_not_matter():
    one, two = make_front(study(), OBJECTIVES), make_front(study()[::-1], OBJECTIVES)
    assert names(one.members) == names(two.members)
    assert names(one.trials) == names(two.trials)


def test_of_equal_trials_the_parent_stays():
    same = [0.3, 0.3, 0.3]
    front = make_front([trial(0, same), trial(1, same), trial(None, same, "base")], OBJECTIVES)
    assert names(front.members) == ["base"]
    numbered = make_front([trial(0, same), trial(1, same, "base")], OBJECTIVES)
    assert names(numbered.members) == ["base"]
    assert names(make_front([trial(1, same), trial(0, same)], OBJECTIVES).members) == ["0"]


def test_stored_reference_and_scales_are_kept():
    front = make_front(study(), OBJECTIVES, [0.0, 0.0, 1.0], [1.0, 2.0, 3.0])
    assert front.reference.tolist() == [0.0, 0.0, 1.0]
    assert front.scales.tolist() == [1.0, 2.0, 3.0]
    bigger = make_front(study(), OBJECTIVES, [0.0, 0.0, 2.0])
    assert bigger.hypervolume > front.hypervolume


def test_nothing_can_be_written_to():
    front = make_front(study(), OBJECTIVES)
    with pytest.raises(ValueError, match="read-only"):
        front.reference[0] = 0
    with pytest.raises(TypeError):
        front.objectives["maths"] = "minimize"
    with pytest.raises(dataclasses.FrozenInstanceError):
        front.members = ()


def test_no_complete_trial_and_no_parent():
    empty = make_front([trial(0, [0.1, 0.2, 0.3], state="running")], OBJECTIVES)
    assert (empty.members, empty.hypervolume) == ((), 0.0)
    assert np.isnan(empty.reference).all()
    assert empty.losses.shape == (0, 3)
    with pytest.raises(RunError, match="nothing to pick"):
        choose(empty, "knee")
    alone = make_front([trial(0, [0.1, 0.2, 0.3])], OBJECTIVES)
    assert alone.hypervolume == pytest.approx(0.01 * 0.02 * 0.03)


values = st.lists(st.tuples(*[st.integers(0, 5).map(float)] * 3), min_size=1, max_size=8)


@given(values, st.tuples(*[st.booleans()] * 3))
def test_mirrored_problem_gives_the_mirrored_front(points, flips):
    flipped = {
        name: ({"maximize": "minimize", "minimize": "maximize"}[d] if flip else d)
        for (name, d), flip in zip(OBJECTIVES.items(), flips, strict=True)
    }
    mirrored = [[-v if f else v for v, f in zip(p, flips, strict=True)] for p in points]
    one = make_front([trial(i, p) for i, p in enumerate(points)], OBJECTIVES)
    two = make_front([trial(i, p, objectives=flipped) for i, p in enumerate(mirrored)], flipped)
    assert names(one.members) == names(two.members)
    assert one.hypervolume == two.hypervolume
    for how in ("knee", "mean", "best:code"):
        assert choose(one, how).name == choose(two, how).name


def test_losses_turn_directions_once_and_refuse_half_points():
    losses = losses_of(study(), OBJECTIVES)
    assert losses[3].tolist() == [-0.60, -0.55, 0.6]
    assert np.isnan(losses[[6, 7, 8]]).all()
    partial = losses_of(study(), OBJECTIVES, partial=True)
    assert partial[6].tolist() == [-0.99, -0.99, 0.1]
    assert np.isnan(partial[[7, 8]]).all()
    assert losses_of([], OBJECTIVES).shape == (0, 3)
    assert np.isnan(losses_of([trial(0, [float("inf"), 0.0, 0.0])], OBJECTIVES)).all()
    for direction in ("maximize", "minimize"):
        assert to_value(to_loss(0.3, direction), direction) == 0.3
        assert str(to_value(to_loss(0.0, direction), direction)) == "0.0"


def test_a_score_of_another_direction_is_refused():
    turned = trial(0, [0.1, 0.2, 0.3])
    scores = {**turned.scores, "size": Score(0.3, None, 0, "maximize", 0.0)}
    with pytest.raises(RunError, match="trial 0: objective 'size' was scored to maximize"):
        losses_of([dataclasses.replace(turned, scores=scores)], OBJECTIVES)


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("knee", "0"),
        ("mean", "0"),
        ("best:maths", "6"),
        ("best:size", "6"),
        ("trial:1", "1"),
        ("trial:org/code-7b", "org/code-7b"),
    ],
)
def test_choose(how, name):
    assert choose(make_front(study(), OBJECTIVES), how).name == name


@pytest.mark.parametrize("how", ["knee", "mean", "best:maths"])
def test_a_parent_is_chosen_only_where_no_merge_is_on_the_front(how):
    everyone = make_front(study(), OBJECTIVES)
    assert not choose(everyone, how).is_parent
    parents = [t for t in study() if t.is_parent]
    assert choose(make_front(parents, OBJECTIVES), how).is_parent


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("best:math", "no objective 'math' in this run; did you mean 'maths'?"),
        ("best:", "no objective '' in this run; it has maths, code, size"),
        ("trial:3", "no complete trial '3' in this run; there are base, "),
        ("trial:org/math-8b", "did you mean 'org/math-7b'?"),
        ("trial:", "no complete trial ''"),
        ("trial:None", "no complete trial 'None'"),
        ("kne", "cannot pick 'kne'; did you mean 'knee'? choose knee, mean, best:OBJECTIVE, "),
        ("knee:2", "cannot pick 'knee:2'"),
        ("", "cannot pick ''; choose knee"),
    ],
)
def test_unknown_choices_say_what_there_is(how, message):
    with pytest.raises(OptimergeError) as caught:
        choose(make_front(study(), OBJECTIVES), how)
    assert message in str(caught.value)


@pytest.mark.parametrize("module", MODULES)
def test_examples(module):
    result = doctest.testmod(importlib.import_module(f"optimerge.front.{module}"))
    assert result.failed == 0


def test_there_are_examples():
    modules = [importlib.import_module(f"optimerge.front.{m}") for m in MODULES]
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(len(t.examples) > 0 for m in modules for t in finder.find(m)) >= 14
