"""Samplers: inside the space, repeatable in any process, undisturbed by odd trials."""

from pathlib import Path

import optuna
import pytest
import yaml

from optimerge.errors import RunError
from optimerge.search.proposals import known_trial, suggest_point
from optimerge.search.samplers.registry import sampler_named
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace

TEXT = """
merge_method: {method}
base_model: base
models:
  - model: a
    parameters: {{weight: {{low: 0.0, high: 1.0}}, density: {{low: 0.1, high: 1.0, step: 0.1}}}}
  - model: b
    parameters: {{weight: {{low: 0.001, high: 1.0, log: true, layer_groups: 2}}}}
parameters: {{lambda: {{choices: [0.5, 1.0]}}, normalize: {{choices: [true, false]}}}}
objectives: [{{task: t}}, {{task: u}}, {{sparsity: l1}}]
"""
ONE_METHOD, TWO_METHODS = "ties", "{choices: [ties, linear]}"


def space_of(method: str) -> SearchSpace:
    return make_space(yaml.safe_load(TEXT.format(method=method)), Path("s.yaml"))


def test_a_known_trial_is_a_completed_trial_of_the_space() -> None:
    space = space_of(TWO_METHODS)
    point = {d.name: d.range.ends[0] for d in space.active("ties")} | {"merge_method": "ties"}
    trial = known_trial(space, point, [0.1, 0.2, 0.3], {"origin": "base"})
    assert trial.params == point
    assert trial.values == [0.1, 0.2, 0.3]
    fixed = optuna.trial.FixedTrial(point)
    assert suggest_point(fixed, space) == point


def test_an_unknown_sampler_is_refused_with_the_nearest() -> None:
    with pytest.raises(RunError, match=r"did you mean .nsga[23]"):
        sampler_named("nsga")
