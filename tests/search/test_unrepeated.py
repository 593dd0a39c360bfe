"""Known points are not proposed again: drawn anew, moved a little, or the space is used up."""

from collections.abc import Mapping
from random import Random
from typing import Any

import optuna
import pytest

from optimerge.search.samplers.unrepeated import (
    DRAWS,
    SpaceUsedUpError,
    known_keys,
    unrepeated,
)
from optimerge.space.points import key_of, points, random_point
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace
from optimerge.testing.sampler_cases import outside, space_named, view

CORNER = {"a.weight": 1.0, "b.weight": 0.5}


def test_an_unknown_point_is_taken_as_it_is() -> None:
    drawn: list[int] = []
    assert taken(space_named("numbers"), [], lambda k: drawn.append(k) or CORNER) == (0, CORNER)
    assert drawn == [0]


def taken(space: SearchSpace, known: list[Any], draw: Any, seed: int = 0) -> Any:
    return unrepeated(space, {key_of(space, point) for point in known}, seed, draw)


def test_a_known_point_is_drawn_again() -> None:
    other = {"a.weight": 0.5, "b.weight": 0.5}
    draws = [CORNER, CORNER, other]
    assert taken(space_named("numbers"), [CORNER], lambda k: draws[k]) == (2, other)


def test_after_some_draws_a_point_nearby_is_taken() -> None:
    space, drawn = space_named("numbers"), []

    def draw(attempt: int) -> Mapping[str, float]:
        drawn.append(attempt)
        return CORNER

    attempt, point = taken(space, [CORNER], draw)
    assert drawn == list(range(DRAWS))
    assert attempt == DRAWS - 1
    assert not outside(space, point)
    assert 0 < abs(point["a.weight"] - 1.0) + abs(point["b.weight"] - 0.5) < 0.1
    assert taken(space, [CORNER], draw)[1] == point
    assert taken(space, [CORNER], draw, seed=1)[1] != point


@pytest.mark.parametrize("missing", range(12))
def test_the_last_unknown_point_is_found(missing: int) -> None:
    space = space_named("small")
    every = list(points(space))
    known = every[:missing] + every[missing + 1 :]
    assert taken(space, known, lambda k: every[missing - 1])[1] == every[missing]


def test_a_point_of_a_method_that_has_one_only_is_replaced_by_another_method_s() -> None:
    text: dict[str, Any] = {
        "merge_method": {"choices": ["linear", "ties"]},
        "base_model": "base",
        "models": [
            {"model": "a", "parameters": {"weight": 0.5, "density": {"low": 0.1, "high": 1.0}}},
            {"model": "b", "parameters": {"weight": 0.5}},
        ],
        "objectives": [{"task": "t"}],
    }
    from pathlib import Path

    space = make_space(text, Path("s.yaml"))
    only = {"merge_method": "linear"}
    point = taken(space, [only], lambda k: only)[1]
    assert point["merge_method"] == "ties"
    assert not outside(space, point)


def test_a_used_up_space_is_said_to_be() -> None:
    space = space_named("small")
    with pytest.raises(SpaceUsedUpError, match=r"laws\.yaml: all 12 points of the space have been"):
        taken(space, list(points(space)), lambda k: pytest.fail("asked for a point"))


def test_points_of_another_space_use_nothing_up() -> None:
    space = space_named("small")
    foreign = [{"x": k} for k in range(20)]
    known = [*foreign, *list(points(space))[1:]]
    assert taken(space, known, lambda k: known[-1])[1] == next(points(space))


def test_all_trials_are_known_whatever_became_of_them() -> None:
    now = view("numbers", "cfnpr")
    waiting = optuna.create_study()
    point = random_point(now.space, Random(99))
    waiting.enqueue_trial(point)
    trials = [*now.trials, *waiting.get_trials(), optuna.create_study().ask()._get_latest_trial()]
    found = set(known_keys(now.space, trials))
    assert found == {key_of(now.space, p) for p in (*(t.params for t in now.trials), point)}
    assert len(found) == 6
