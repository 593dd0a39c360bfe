"""`mmmo` as a sampler: rounds that any process goes on with, no repeats, odd trials, odd spaces."""

import pickle
from typing import Any

import numpy as np
import optuna
import pytest
from mmmo_cases import SIX, searched, values
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from optimerge.search.samplers.mmmo.sampler import QUEUE, TAKEN, MMMOSampler

SPACE: dict[str, BaseDistribution] = dict(SIX.distributions)
THREE = ("maximize", "maximize", "minimize")


def started(trials: int = 10) -> optuna.Study:
    return searched(optuna.samplers.RandomSampler(seed=1), values, SPACE, trials)


def asked(study: optuna.Study, sampler: MMMOSampler) -> dict[str, Any]:
    study.sampler = sampler
    return dict(study.ask(SPACE).params)


def test_another_process_hands_out_the_rest_of_a_round() -> None:
    study, points = started(), []
    for seed in range(6):  # a sampler of its own each time, as after a restart
        study.sampler = MMMOSampler(seed=seed)
        trial = study.ask(SPACE)
        points.append(trial.params)
        study.tell(trial, values(trial.params))
    attributes = [t.system_attrs for t in study.trials[10:]]
    assert [QUEUE in a for a in attributes] == [True, False, False, False, False, True]
    assert [a.get(TAKEN) for a in attributes[1:5]] == [[10, 0], [10, 1], [10, 2], [10, 3]]
    again = started()
    again.sampler = MMMOSampler(seed=0)
    same = []
    for _ in range(5):
        trial = again.ask(SPACE)
        same.append(trial.params)
        again.tell(trial, values(trial.params))
    assert points[:5] == same


def test_a_round_goes_on_though_its_points_are_not_taken_as_they_are() -> None:
    study, some = started(), dict(list(SPACE.items())[:5])  # nobody asks for the sixth
    study.sampler = MMMOSampler(seed=0)
    asked = []
    for _ in range(4):
        asked.append(study.ask(some))
        study.tell(asked[-1], [0.5, 0.5, 0.5])
    taken = [study.trials[trial.number].system_attrs.get(TAKEN) for trial in asked]
    assert taken == [None, [10, 0], [10, 1], [10, 2]]
    assert len({repr(trial.params) for trial in asked}) == 4


def test_a_round_an_ask() -> None:
    study = started()
    study.sampler = MMMOSampler(seed=0, kept=1)
    for _ in range(2):
        trial = study.ask(SPACE)
        study.tell(trial, values(trial.params))
    assert not any(QUEUE in t.system_attrs for t in study.trials)


def test_each_switch_changes_what_is_proposed() -> None:
    off = ({}, {"acquisition": False}, {"weak_to_strong": False}, {"fisher": False})
    found = [asked(started(), MMMOSampler(seed=0, **each)) for each in off]
    assert len({repr(point) for point in found}) == 4


def test_the_acquisition_finds_what_random_candidates_do_not() -> None:
    """One objective with its optimum at 0.6: a round later the best is nearer with it."""

    def near(params: dict[str, Any]) -> list[float]:
        return [sum((params[name] - 0.6) ** 2 for name in SPACE)]

    best = {}
    for on in (True, False):
        parts = {"acquisition": on, "weak_to_strong": False, "fisher": False}
        sampler = MMMOSampler(seed=2, **parts)  # type: ignore[arg-type]
        best[on] = searched(sampler, near, SPACE, 20, ("minimize",)).best_value
    assert best[True] < 0.5 * best[False]


GRID: dict[str, BaseDistribution] = {
    "n": IntDistribution(1, 2),
    "method": CategoricalDistribution(("a", "b", "c")),
    "step": FloatDistribution(0.0, 0.2, step=0.1),
}


def grid_values(params: dict[str, Any]) -> list[float]:
    return [params["n"] * 0.1, params["step"] + (params["method"] == "b")]


@pytest.mark.parametrize("kept", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_no_point_comes_twice_until_all_were_there(kept: int) -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.sampler = MMMOSampler(seed=0, startup=2, kept=kept)
    for number in range(16):
        trial = study.ask(GRID)
        if number % 9 == 4:
            study.tell(trial, state=TrialState.FAIL)
        elif number % 9 != 5:  # those stay running
            study.tell(trial, grid_values(trial.params))
    points = [repr(sorted(t.params.items())) for t in study.trials[2:]]
    assert len(set(points)) == len(points)
    for _ in range(4):  # now there is none left: the search may go on all the same
        trial = study.ask(GRID)
        study.tell(trial, grid_values(trial.params))


def test_infeasible_trials_are_no_elites_and_draw_nothing_near() -> None:
    """What is best without the constraint breaks it: x0 above 0.5."""

    def run(constrained: bool) -> list[float]:
        study = optuna.create_study(directions=["maximize", "maximize"])
        study.sampler = MMMOSampler(seed=4)
        for _ in range(20):
            trial = study.ask(SPACE)
            rows = list(trial.params.values())
            if constrained:
                trial.set_constraint("x0 <= 0.5", rows[0] - 0.5)
            study.tell(trial, [rows[0] - 0.1 * rows[1], rows[0] + 0.1 * rows[1]])
        return [t.params["x0"] for t in study.trials[10:]]

    assert np.mean(run(constrained=False)) > 0.7
    assert max(run(constrained=True)) < 0.65


@pytest.mark.parametrize("released", [False, True])
def test_constant_scores_and_all_infeasible_trials_are_survived(released: bool) -> None:
    study = optuna.create_study(directions=list(THREE))
    study.sampler = MMMOSampler(seed=0, startup=3, as_released=released)
    for _ in range(5):
        trial = study.ask(SPACE)
        trial.set_constraint("c", 1.0)
        study.tell(trial, [0.5, 0.5, 0.5])


@pytest.mark.slow
def test_a_reference_that_nothing_reaches_leaves_the_acquisition_alive() -> None:
    best = []
    for reference in ([-99.0, -99.0, -99.0], None):
        sampler = MMMOSampler(seed=0, reference=reference, weak_to_strong=False, fisher=False)
        study = searched(sampler, values, SPACE, 18)
        best.append(max(t.values[0] + t.values[1] for t in study.trials[10:]))
    plain = searched(optuna.samplers.RandomSampler(seed=0), values, SPACE, 25)
    random = max(t.values[0] + t.values[1] for t in plain.trials)
    assert min(best) > random


def test_the_studys_reference_is_used() -> None:
    study, other = started(), started()
    other.set_user_attr("reference", [-0.52, -0.52, 0.4])
    assert asked(study, MMMOSampler(seed=0)) != asked(other, MMMOSampler(seed=0))
    given = MMMOSampler(seed=0, reference=[-0.52, -0.52, 0.4])
    assert asked(started(), given) == asked(other_again(), MMMOSampler(seed=0))


def other_again() -> optuna.Study:
    study = started()
    study.set_user_attr("reference", [-0.52, -0.52, 0.4])
    return study


def conditional(trial: optuna.Trial) -> tuple[float, float]:
    method = trial.suggest_categorical("method", ["ties", "linear"])
    weight = trial.suggest_float("weight", 0.0, 1.0)
    own = trial.suggest_float("density" if method == "ties" else "tilt", 0.0, 1.0)
    return (weight - 0.5) ** 2 + (own - 0.3) ** 2, weight + (method == "ties")


@pytest.mark.parametrize("released", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_in_a_conditional_space_every_dimension_is_proposed(released: bool) -> None:
    study = optuna.create_study(directions=["minimize", "minimize"])
    study.sampler = MMMOSampler(seed=0, startup=6, as_released=released)
    blind: list[str] = []
    plain = study.sampler.sample_independent

    def noted(study: Any, trial: Any, name: str, distribution: Any) -> Any:
        if trial.number >= 6:
            blind.append(name)
        return plain(study, trial, name, distribution)

    study.sampler.sample_independent = noted  # type: ignore[method-assign]
    study.optimize(conditional, n_trials=11)
    assert blind == []


def test_it_is_pickled_with_the_state_of_its_stream() -> None:
    sampler = MMMOSampler(seed=7)
    copy = pickle.loads(pickle.dumps(sampler))  # noqa: S301 - our own
    assert asked(started(), sampler) == asked(started(), copy)


def test_reseeding_gives_other_proposals() -> None:
    sampler = MMMOSampler(seed=7)
    sampler.reseed_rng()
    assert asked(started(), sampler) != asked(started(), MMMOSampler(seed=7))
