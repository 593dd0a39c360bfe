"""`qmc`: one Sobol sequence over a run, though each proposal makes its sampler anew."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from scipy.stats.qmc import Sobol, discrepancy

from optimerge.search.proposals import propose_point
from optimerge.search.samplers.registry import SAMPLERS
from optimerge.search.samplers.sobol import INDEX
from optimerge.search.samplers.units import from_unit, to_unit
from optimerge.testing.sampler_cases import continued, told, trial, view

QMC = SAMPLERS["qmc"]


def weights(proposals: list[Any]) -> np.ndarray:
    """The points as they lie in the unit square."""
    return np.array([[p.params["a.weight"], (p.params["b.weight"] + 1) / 1.5] for p in proposals])


def test_proposals_are_the_points_of_one_scrambled_sequence() -> None:
    found = weights(continued(QMC, view("numbers", "cfr", seed=7), 16))
    wanted = Sobol(2, scramble=True, seed=7).random(16)
    assert found == pytest.approx(wanted, abs=1e-12)
    assert discrepancy(found) < 0.4 * discrepancy(
        weights(continued(SAMPLERS["random"], view("numbers"), 16))
    )


def test_the_sequence_goes_on_after_trials_of_another_sampler() -> None:
    now, seen = view("numbers"), []
    for name in ("qmc", "random", "random", "qmc", "tpe", "qmc"):
        proposal = propose_point(now, SAMPLERS[name])
        now = told(now, proposal)
        if name == "qmc":
            seen.append(proposal)
    assert [p.attributes[INDEX] for p in seen] == [0, 1, 2]
    assert weights(seen) == pytest.approx(Sobol(2, scramble=True, seed=0).random(4)[:3], abs=1e-12)


def test_a_running_trial_keeps_its_point_of_the_sequence() -> None:
    now = view("numbers")
    first = propose_point(now, QMC)
    running = trial(now.space, now.directions, 0, first.params, "r", marks=first.attributes)
    assert propose_point(replace(now, trials=(running,), number=1), QMC).attributes[INDEX] == 1


def test_a_known_point_is_passed_over_for_the_next_of_the_sequence() -> None:
    first = propose_point(view("small"), QMC)
    known = told(view("small"), replace(first, attributes={}))
    second = propose_point(known, QMC)
    assert second.attributes[INDEX] > 0
    assert second.params != first.params


def test_conditional_names_and_grids_are_filled_evenly() -> None:
    found = [p.params for p in continued(QMC, view("mixed", seed=3), 64)]
    ties = [p for p in found if p["merge_method"] == "ties"]
    assert 30 <= len(ties) <= 34  # half: as many of each as of a sequence of 64 there can be
    assert all(("a.density" in p) == (p["merge_method"] == "ties") for p in found)
    counts = [sum(p["normalize"] is truth for p in found) for truth in (True, False)]
    assert min(counts) >= 28
    densities = [
        sum(abs(p["a.density"] - d) < 1e-9 for p in ties) for d in (0.1, 0.3, 0.5, 0.7, 0.9)
    ]
    assert sum(densities) == len(ties)
    assert min(densities) >= 4


@pytest.mark.parametrize(
    ("distribution", "values"),
    [
        (FloatDistribution(-1.0, 3.0), [-1.0, 0.0, 2.5, 3.0]),
        (FloatDistribution(0.001, 1.0, log=True), [0.001, 0.03, 1.0]),
        (FloatDistribution(0.1, 0.9, step=0.2), [0.1, 0.5, 0.9]),
        (IntDistribution(-3, 9, step=4), [-3, 1, 5, 9]),
        (IntDistribution(1, 100, log=True), [1, 2, 10, 100]),
        (CategoricalDistribution(("x", True, 2)), ["x", True, 2]),
    ],
)
def test_unit_coordinates_give_every_value_back(
    distribution: BaseDistribution, values: list[Any]
) -> None:
    for value in values:
        back = from_unit(distribution, to_unit(distribution, value))
        assert back == (pytest.approx(value) if isinstance(value, float) else value)
    for unit in np.linspace(0, 1, 101).tolist():
        value = from_unit(distribution, unit)
        assert distribution._contains(distribution.to_internal_repr(value))
        assert type(value) in (float, int, bool, str)


def test_values_of_a_grid_have_equal_shares() -> None:
    units = ((np.arange(1000) + 0.5) / 1000).tolist()
    for distribution, count in (
        (FloatDistribution(0.1, 0.9, step=0.2), 5),
        (IntDistribution(0, 3), 4),
        (CategoricalDistribution(tuple("abcdefgh")), 8),
    ):
        found = [from_unit(distribution, unit) for unit in units]
        assert [found.count(v) for v in dict.fromkeys(found)] == [1000 / count] * count
