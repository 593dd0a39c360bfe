"""What samplers see of raced-out trials: points with estimates, as if they were complete."""

from typing import Any

import optuna
import pytest
from test_samplers import ONE_METHOD, space_of

from optimerge.records.types import Direction
from optimerge.search.proposals import propose
from optimerge.search.samplers.registry import sampler_named
from optimerge.search.seen import SeenStudy

OBJECTIVES: dict[str, Direction] = {"t": "maximize", "u": "maximize", "l1": "minimize"}
TRIALS = 24


def values(params: dict[str, Any]) -> list[float]:
    weight, density = float(params["a.weight"]), float(params["a.density"])
    return [weight * density, 1 - weight**2, weight / 2]


def filled(name: str, *, stopped: bool, constrained: bool) -> optuna.Study:
    """A study in which every third trial is raced out, or told as complete with its estimates."""
    space, study = space_of(ONE_METHOD), optuna.create_study(directions=list(OBJECTIVES.values()))
    sampler = sampler_named("nsga2" if name == "nsga2" else "random")  # nsga2 knows only its own
    for number in range(TRIALS):
        seen = SeenStudy(study, OBJECTIVES)
        asked, params = propose(seen, space, sampler, 0, number)
        found = values(params)
        if constrained:
            asked.set_constraint("t >= 0.2", 0.2 - found[0])
        if number % 3 or not stopped:
            study.tell(asked, found)
            continue
        for_each = zip(OBJECTIVES, found, strict=True)
        asked.set_user_attr("scores", {name: {"value": value} for name, value in for_each})
        study.tell(asked, state=optuna.trial.TrialState.PRUNED)
    return study


def proposals(study: optuna.Study, name: str) -> list[dict[str, Any]]:
    space, found = space_of(ONE_METHOD), []
    for number in range(TRIALS, TRIALS + 2):
        seen = SeenStudy(study, OBJECTIVES)
        asked, params = propose(seen, space, sampler_named(name), 0, number)
        for_constraint = any(t.constraints for t in study.get_trials(deepcopy=False))
        if for_constraint:
            asked.set_constraint("t >= 0.2", 0.2 - values(params)[0])
        study.tell(asked, values(params))
        found.append(params)
    return found


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize(
    "name", [pytest.param("gp", marks=pytest.mark.slow), "nsga2", "random", "tpe"]
)
def test_samplers_learn_from_stopped_trials_as_from_complete_ones(
    name: str, constrained: bool
) -> None:
    wanted = proposals(filled(name, stopped=False, constrained=constrained), name)
    assert proposals(filled(name, stopped=True, constrained=constrained), name) == wanted


@pytest.mark.parametrize("name", ["nsga2", "tpe"])
def test_without_it_they_would_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = proposals(filled(name, stopped=False, constrained=False), name)
    assert proposals(filled(name, stopped=True, constrained=False), name) == wanted
    monkeypatch.setattr(SeenStudy, "_as_seen", lambda self, trial: trial)
    assert proposals(filled(name, stopped=True, constrained=False), name) != wanted


def test_the_storage_still_says_that_they_were_stopped() -> None:
    study = filled("random", stopped=True, constrained=True)
    seen = SeenStudy(study, OBJECTIVES)
    for mine, stored in zip(seen.trials, study.trials, strict=True):
        assert (mine.number, mine.params) == (stored.number, stored.params)
        assert mine.state is optuna.trial.TrialState.COMPLETE
        assert mine.constraints == stored.constraints != {}
        if stored.number % 3 == 0:
            assert stored.state is optuna.trial.TrialState.PRUNED
            assert mine.values == values(stored.params)
    complete = seen.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    assert len(complete) == TRIALS
    assert seen.get_trials(states=[optuna.trial.TrialState.PRUNED]) == []


def test_a_stopped_trial_without_an_estimate_for_each_objective_stays_one() -> None:
    study = optuna.create_study(directions=list(OBJECTIVES.values()))
    asked = study.ask()
    asked.set_user_attr("scores", {"t": {"value": 0.5}, "u": {"value": 0.5}})
    study.tell(asked, state=optuna.trial.TrialState.PRUNED)
    assert SeenStudy(study, OBJECTIVES).trials[0].state is optuna.trial.TrialState.PRUNED
