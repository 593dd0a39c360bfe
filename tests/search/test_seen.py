"""What samplers see: raced-out trials with their estimates, nothing that depends on stops."""

import copy
import pickle
from typing import Any

import optuna
import pytest
from fake_search import ONE_METHOD, TWO_METHODS, space_of
from optuna.trial import TrialState

from optimerge.records.types import Direction
from optimerge.search import seen
from optimerge.search.begin import begin_proposal
from optimerge.search.proposals import View, propose_point
from optimerge.search.samplers.registry import sampler_named
from optimerge.search.seen import SeenTrial, make_view

OBJECTIVES: dict[str, Direction] = {"t": "maximize", "u": "maximize", "l1": "minimize"}
TRIALS = 24


def values(params: Any) -> list[float]:
    weight, density = float(params["a.weight"]), float(params.get("a.density", 1.0))
    return [weight * density, 1 - weight**2, weight / 2]


def scores(params: Any) -> dict[str, Any]:
    found = zip(OBJECTIVES, values(params), strict=True)
    return {n: {"value": v, "stderr": 0.1, "items": 5, "seconds": 0.2} for n, v in found}


def viewed(study: optuna.Study, *, ahead: bool = False) -> View:
    return make_view(study, space_of(ONE_METHOD), OBJECTIVES, 0, ahead=ahead)


def begun(study: optuna.Study, name: str) -> optuna.Trial:
    proposal = propose_point(viewed(study), sampler_named(name))
    return begin_proposal(study, space_of(ONE_METHOD), proposal, {})


def filled(name: str, *, stopped: bool, constrained: bool = False) -> optuna.Study:
    """A study in which every third trial is raced out, or told as complete with its estimates."""
    study = optuna.create_study(directions=list(OBJECTIVES.values()))
    for number in range(TRIALS):
        # nsga2 knows only its own
        asked = begun(study, "nsga2" if name == "nsga2" else "random")
        asked.set_user_attr("scores", scores(asked.params))
        if constrained:
            asked.set_constraint("t >= 0.2", 0.2 - values(asked.params)[0])
        if number % 3 or not stopped:
            study.tell(asked, values(asked.params))
        else:
            study.tell(asked, state=TrialState.PRUNED)
    return study


def proposals(study: optuna.Study, name: str) -> list[dict[str, Any]]:
    constrained = any(t.constraints for t in study.get_trials(deepcopy=False))
    found = []
    for _ in range(2):
        asked = begun(study, name)
        if constrained:
            asked.set_constraint("t >= 0.2", 0.2 - values(asked.params)[0])
        study.tell(asked, values(asked.params))
        found.append(asked.params)
    return found


@pytest.mark.parametrize(
    ("name", "constrained"),
    [
        ("nsga2", False),
        ("tpe", True),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (("nsga2", True), ("tpe", False), ("gp", False), ("gp", True))
        ),
    ],
)
def test_samplers_learn_from_stopped_trials_as_from_complete_ones(
    name: str, constrained: bool
) -> None:
    wanted = proposals(filled(name, stopped=False, constrained=constrained), name)
    assert proposals(filled(name, stopped=True, constrained=constrained), name) == wanted


@pytest.mark.parametrize("name", ["nsga2", "tpe"])
def test_without_it_they_would_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = proposals(filled(name, stopped=False), name)
    study = filled(name, stopped=True)
    monkeypatch.setattr(seen, "partial_values", lambda trial, objectives: None)
    assert proposals(study, name) != wanted


def test_the_storage_still_says_that_they_were_stopped() -> None:
    study = filled("random", stopped=True, constrained=True)
    for mine, stored in zip(viewed(study).trials, study.trials, strict=True):
        assert (mine.number, mine.params) == (stored.number, stored.params)
        assert mine.state is TrialState.COMPLETE
        assert mine.values == values(stored.params)
        assert mine.constraints == stored.constraints != {}
        assert stored.state is (TrialState.COMPLETE if stored.number % 3 else TrialState.PRUNED)


def test_a_stopped_trial_without_an_estimate_for_each_objective_stays_one() -> None:
    study = optuna.create_study(directions=list(OBJECTIVES.values()))
    asked = begun(study, "random")
    asked.set_user_attr("scores", {"t": {"value": 0.5}, "u": {"value": 0.5}})
    study.tell(asked, state=TrialState.PRUNED)
    assert viewed(study).trials[0].state is TrialState.PRUNED


def test_ahead_of_it_the_last_candidate_is_running_whatever_became_of_it() -> None:
    study = filled("random", stopped=True, constrained=True)
    running = begun(study, "random")
    while_scored = viewed(study, ahead=True)
    last = while_scored.trials[-1]
    assert (last.state, last.values, last.constraints) == (TrialState.RUNNING, None, {})
    assert last.params == running.params != {}
    assert "scores" not in last.user_attrs
    assert (while_scored.number, while_scored.finished) == (TRIALS + 1, TRIALS)
    running.set_user_attr("scores", scores(running.params))
    running.set_user_attr("recipe", "long")
    running.set_constraint("t >= 0.2", -1.0)
    study.tell(running, values(running.params))
    assert viewed(study, ahead=True) == while_scored
    now = viewed(study).trials[-1]
    assert (now.values, now.constraints) == (values(running.params), {"t >= 0.2": -1.0})


def test_failed_trials_are_seen_with_their_points_and_parents_are_never_hidden() -> None:
    study = optuna.create_study(directions=list(OBJECTIVES.values()))
    asked = begun(study, "random")
    study.tell(asked, state=TrialState.FAIL)
    failed = viewed(study).trials[0]
    assert (failed.state, failed.params) == (TrialState.FAIL, asked.params)
    asked = begun(study, "random")
    asked.set_user_attr("origin", "expert:a")
    study.tell(asked, values(asked.params))
    view = viewed(study, ahead=True)
    assert [t.state.name for t in view.trials] == ["RUNNING", "COMPLETE"]
    assert view.number == 1


def test_points_that_wait_are_not_seen() -> None:
    study = optuna.create_study(directions=list(OBJECTIVES.values()))
    study.enqueue_trial({"a.weight": 0.5})
    assert viewed(study).trials == ()
    assert viewed(study).number == 0


def test_what_no_sampler_needs_is_left_out_and_unknown_errors_are_none() -> None:
    study = optuna.create_study(directions=list(OBJECTIVES.values()))
    study.set_user_attr("reference", [1.0, 2.0, 3.0])
    study.set_user_attr("scales", [0.1, 0.2, 0.3])
    asked = begun(study, "random")
    asked.set_user_attr("recipe", "long " * 1000)
    asked.set_user_attr("scores", scores(asked.params) | {"other": {"value": 1, "stderr": None}})
    study.tell(asked, values(asked.params))
    view = viewed(study)
    kept = dict(view.trials[0].user_attrs)
    assert set(kept) == {"origin", "scores"}
    assert kept["scores"]["t"] == {"value": values(asked.params)[0], "stderr": 0.1}
    assert kept["scores"]["other"] == {"value": 1, "stderr": None}
    assert (view.reference, view.scales) == ([1.0, 2.0, 3.0], [0.1, 0.2, 0.3])
    odd = optuna.trial.create_trial(
        state=TrialState.FAIL, user_attrs={"scores": {"t": {"value": 1, "stderr": float("nan")}}}
    )
    study.add_trial(odd)
    assert viewed(study).trials[1].user_attrs["scores"]["t"]["stderr"] is None


def test_a_view_is_picklable_small_and_shares_its_distributions() -> None:
    space = space_of(TWO_METHODS)
    study = optuna.create_study(directions=list(OBJECTIVES.values()))
    sampler = sampler_named("random")
    for _ in range(100):
        proposal = propose_point(make_view(study, space, OBJECTIVES, 0, ahead=False), sampler)
        asked = begin_proposal(study, space, proposal, {})
        asked.set_user_attr("recipe", "long " * 1000)
        asked.set_user_attr("scores", scores(asked.params))
        study.tell(asked, values(asked.params))
    view = make_view(study, space, OBJECTIVES, 0, ahead=True)
    data = pickle.dumps(view)
    assert len(data) < 100 * 500
    again = pickle.loads(data)  # noqa: S301  # ours
    assert again.trials == view.trials
    assert propose_point(again, sampler) == propose_point(view, sampler)
    first, second = view.trials[0], view.trials[1]
    assert first.distributions["a.weight"] is second.distributions["a.weight"]


def test_a_copy_has_dictionaries_of_its_own() -> None:
    trial = viewed(filled("random", stopped=True)).trials[3]
    assert isinstance(trial, SeenTrial)
    copied = copy.deepcopy(trial)
    assert copied == trial
    copied.params["a.weight"] = 7.0
    copied.user_attrs["x"] = copied.system_attrs["x"] = 1
    copied.values = [0.0, 0.0, 0.0]
    assert trial.params["a.weight"] != 7.0
    assert "x" not in trial.user_attrs | trial.system_attrs
    assert trial.values == values(trial.params)
