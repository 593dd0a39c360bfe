"""`cmaes`: starts at the plain average, goes downhill on the mean of the objectives, survives."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from optimerge.search.proposals import Proposal, View, propose_point
from optimerge.search.samplers.average import average
from optimerge.search.samplers.coordinates import Coordinates
from optimerge.search.samplers.evolution import Evolution, Told, replayed
from optimerge.search.samplers.mean_cmaes import GENERATION, VECTOR
from optimerge.search.samplers.registry import SAMPLERS
from optimerge.testing.sampler_cases import continued, space_named, told, trial, view

CMAES = SAMPLERS["cmaes"]
SPACE = {
    "a": FloatDistribution(0.0, 1.0),
    "name": CategoricalDistribution(("x", "y", "z")),
    "truth": CategoricalDistribution((True, False)),
}


def searched(losses: Any, count: int, scales: tuple[float, ...] = (1.0, 1.0)) -> list[Proposal]:
    """Proposals of a search in the plane; `losses` of (a, b) in the unit square."""
    now, found = replace(view("numbers"), scales=scales), []
    for _ in range(count):
        found.append(propose_point(now, CMAES))
        one, two = losses(*unit(found[-1]))
        # The first objective is maximised, the second minimised.
        now = told(now, found[-1], lambda height, k, index, v=(-one, two): v[k])
    return found


def unit(proposal: Proposal) -> tuple[float, float]:
    return float(proposal.params["a.weight"]), (float(proposal.params["b.weight"]) + 1) / 1.5


def test_the_first_generation_is_drawn_about_the_plain_average() -> None:
    space = space_named("numbers")
    assert average(space) == {"a.weight": 0.5, "b.weight": 0.5}  # two experts
    first = [propose_point(view("numbers", seed=seed), CMAES) for seed in range(200)]
    vectors = np.array([p.attributes[VECTOR] for p in first])
    assert vectors.mean(axis=0) == pytest.approx([0.5, 1.0], abs=0.05)  # 0.5 is b's highest
    assert vectors.std(axis=0) == pytest.approx([1 / 6, 1 / 6], rel=0.15)


def test_the_average_of_a_mixed_space_is_the_nearest_of_each_range() -> None:
    found = average(space_named("mixed"))
    assert found == {"a.weight": 0.5, "a.density": 0.9, "b.weight": 0.5, "normalize": True}


def test_it_finds_the_minimum_of_the_mean() -> None:
    found = searched(lambda a, b: ((a - 0.2) ** 2, (b - 0.7) ** 2), 120)
    last = np.array([unit(p) for p in found[-12:]])
    assert last.mean(axis=0) == pytest.approx([0.2, 0.7], abs=0.05)
    first = np.array([unit(p) for p in found[:12]])
    assert np.abs(last - [0.2, 0.7]).mean() < np.abs(first - [0.2, 0.7]).mean() / 3


def test_objectives_count_in_units_of_their_scales() -> None:
    def losses(a: float, b: float) -> tuple[float, float]:
        return a, 1000 * (1 - a)

    by_second = searched(losses, 60)
    by_first = searched(losses, 60, (1.0, 1e6))
    assert np.mean([unit(p)[0] for p in by_second[-12:]]) > 0.8
    assert np.mean([unit(p)[0] for p in by_first[-12:]]) < 0.2


def test_points_that_keep_the_constraints_come_first() -> None:
    now, found = view("bounded"), []
    for _ in range(80):
        found.append(propose_point(now, CMAES))
        a = unit(found[-1])[0]
        # t must be at least 0.3 and rises with a; u is maximised (at most 0.8) and falls with it.
        now = told(now, found[-1], lambda height, k, index, a=a: a if k == 0 else -5 * a)
    last = [unit(p)[0] for p in found[-16:]]
    assert np.mean(last) < 0.5
    assert np.mean([a >= 0.3 for a in last]) > 0.6


def test_failed_trials_are_made_up_for_and_stopped_ones_rank_last() -> None:
    def generations(letters: str) -> list[int]:
        now, found = view("numbers"), []
        for index, letter in enumerate(letters):
            proposal = propose_point(now, CMAES)
            found.append(proposal.attributes[GENERATION])
            done = trial(
                now.space, now.directions, index, proposal.params, letter, marks=proposal.attributes
            )
            now = replace(now, trials=(*now.trials, done), number=index + 1)
        return found

    size = 4 + int(3 * np.log(2))
    assert generations("c" * (size + 1)) == [0] * size + [1]
    assert generations("f" + "c" * (size + 1)) == [0] * (size + 1) + [1]
    assert generations("p" + "c" * size) == [0] * size + [1]
    assert generations("r" + "c" * (size + 1)) == [0] * (size + 1) + [1]


def test_a_generation_is_drawn_from_what_was_tried_not_from_what_was_proposed() -> None:
    now = view("numbers")
    for proposal in continued(CMAES, now, 6):
        moved = replace(proposal, params={**proposal.params, "a.weight": 0.05})
        now = told(now, moved)
    later = [propose_point(replace(now, number=n), CMAES) for n in range(100, 160)]
    assert np.mean([p.attributes[VECTOR][0] for p in later]) == pytest.approx(0.05, abs=0.05)


def test_names_are_learnt() -> None:
    now = view("mixed")
    for _ in range(100):
        proposal = propose_point(now, CMAES)
        good = proposal.params["merge_method"] == "linear"
        now = told(now, proposal, lambda height, k, index, g=good: float(g) * (1 if k == 0 else -1))
    last = [t.params["merge_method"] for t in now.trials[-30:]]
    assert last.count("linear") >= 25


def test_coordinates_give_their_points_back() -> None:
    coordinates = Coordinates(SPACE)
    assert coordinates.count == 5  # one, three for three names, one
    rng = np.random.default_rng(0)
    for _ in range(50):
        vector = rng.normal(size=5) * 3
        point = coordinates.point(vector)
        assert set(point) == set(SPACE)
        assert coordinates.moved(vector, point) == pytest.approx(vector)
        other = {"a": 0.3, "name": "z", "truth": False}
        assert coordinates.point(coordinates.moved(vector, other)) == pytest.approx(other)
        foreign = {"a": 7.0, "name": "z"}
        assert coordinates.point(coordinates.moved(vector, foreign))["a"] == point["a"]


def test_what_lies_beyond_the_box_is_mirrored() -> None:
    coordinates = Coordinates({"a": FloatDistribution(0.0, 1.0)})
    for beyond, inside in ((1.25, 0.75), (-0.25, 0.25), (2.5, 0.5), (1.0, 1.0), (0.0, 0.0)):
        assert coordinates.point(np.array([beyond]))["a"] == pytest.approx(inside)


@pytest.mark.slow
def test_it_begins_anew_elsewhere_when_it_has_converged() -> None:
    """The replay feeds it the same slope for ever: it shrinks to a point and starts again."""
    rng = np.random.default_rng(0)
    records: dict[int, list[Told]] = {}
    evolution, start, sizes = Evolution(0), np.full(2, 0.5), set()
    for number in range(250):
        optimizer, reached = replayed(evolution, start, lambda n: records.get(n, []))
        assert reached == number
        sizes.add(optimizer.population_size)
        if len(sizes) > 1:
            break
        optimizer.reseed_rng(int(rng.integers(2**32)))
        points = [optimizer.ask() for _ in range(optimizer.population_size)]
        records[number] = [Told(x, (0.0, float(((x - 0.3) ** 2).sum()))) for x in points]
    assert sizes == {6, 12}
    assert not np.allclose(optimizer.mean, 0.3, atol=0.01)


def test_a_view_without_scales_counts_objectives_as_they_are() -> None:
    now: View = replace(view("numbers", "cc"), scales=None)
    proposal = propose_point(now, CMAES)
    assert proposal.attributes[GENERATION] == 0
    assert all(t.state is TrialState.COMPLETE for t in now.trials)
