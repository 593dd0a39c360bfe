"""What `mmmo` reads from a study: evidence, noise, what is under way, which dimensions there are."""

import json
import math

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from optimerge.search.samplers.history import (
    POINT,
    key,
    read_history,
    union_space,
    with_structure,
)
from optimerge.search.surrogate.domain import Domain

UNIT = FloatDistribution(0.0, 1.0)
METHOD = CategoricalDistribution(("ties", "linear"))
ONE = {"x": UNIT}


def mixed() -> optuna.Study:
    """A study with trials in every state; the first two are evidence."""
    study = optuna.create_study(directions=["maximize", "minimize"])
    first = study.ask(ONE)
    first.set_user_attr("scores", {"a": {"stderr": 0.1}, "b": {"stderr": None}})
    first.set_constraint("a >= 1", 0.5)
    study.tell(first, [0.5, 2.0])
    second = study.ask(ONE)
    second.set_constraint("a >= 1", -0.5)
    study.tell(second, [1.5, 3.0])
    study.tell(study.ask(ONE), [math.inf, 1.0])
    study.tell(study.ask(ONE), state=TrialState.FAIL)
    study.tell(study.ask(ONE), state=TrialState.PRUNED)
    study.ask(ONE)
    study.enqueue_trial({"x": 0.25})
    return study


def test_only_finite_scores_are_evidence_and_every_point_counts_as_seen() -> None:
    study, domain = mixed(), Domain(ONE)
    found = read_history(study, -1, domain, ("a", "b"))
    assert found.losses.tolist() == [[-0.5, 2.0], [-1.5, 3.0]]
    assert found.rows[:, 0].tolist() == [study.trials[i].params["x"] for i in (0, 1)]
    assert found.variances[0, 0] == pytest.approx(0.01)
    assert np.isnan([found.variances[0, 1], *found.variances[1]]).all()
    assert found.beyond.tolist() == [[0.5], [-0.5]]
    assert found.feasible.tolist() == [False, True]
    assert found.pending[:, 0].tolist() == [study.trials[5].params["x"]]
    assert {key(t.params, domain) for t in study.trials if t.params} == found.seen
    assert len(found.seen) == 6


def test_the_trial_that_is_asked_for_is_no_evidence() -> None:
    study = mixed()
    assert len(read_history(study, 5, Domain(ONE)).pending) == 0


def test_a_published_point_counts_before_its_parameters_are_asked_for() -> None:
    study = optuna.create_study(directions=["minimize", "minimize"])
    trial = study.ask()
    study._storage.set_trial_system_attr(trial._trial_id, POINT, json.dumps({"x": 0.75}))
    found = read_history(study, -1, Domain(ONE))
    assert found.pending.tolist() == [[0.75]]
    assert found.seen == {key({"x": 0.75}, Domain(ONE))}


def test_values_of_an_earlier_range_are_left_out() -> None:
    study = optuna.create_study()
    for value, most in ((5.0, 10.0), (0.5, 1.0)):
        ranges = {"x": FloatDistribution(0.0, most)}
        study.add_trial(create_trial(params={"x": value}, distributions=ranges, value=1.0))
    space = union_space(study.trials)
    assert space == ONE
    rows = read_history(study, -1, Domain(space)).rows
    assert np.isnan(rows[0, 0])
    assert rows[1, 0] == 0.5


def test_the_union_has_what_only_some_trials_have_but_no_single_values() -> None:
    study = optuna.create_study()
    for method, own in (("ties", "density"), ("linear", "tilt")):
        params = {"method": method, own: 0.5, "fixed": 2.0}
        ranges = {"method": METHOD, own: UNIT, "fixed": FloatDistribution(2.0, 2.0)}
        study.add_trial(create_trial(params=params, distributions=ranges, value=1.0))
    space = union_space(study.trials)
    assert list(space) == ["density", "method", "tilt"]
    domain = Domain(space)
    known = read_history(study, -1, domain)
    rows = np.array([[0.1, 0.0, 0.2], [0.1, 1.0, 0.2]])
    points = [domain.decode(row) for row in with_structure(rows, known, domain)]
    assert points == [{"density": 0.1, "method": "ties"}, {"method": "linear", "tilt": 0.2}]
