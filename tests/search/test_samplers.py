"""Samplers: inside the space, repeatable in any process, undisturbed by odd trials."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from optimerge.errors import RunError
from optimerge.search.proposals import known_trial, propose, suggest_point
from optimerge.search.samplers.registry import SAMPLERS, sampler_named
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


def filled(space: SearchSpace, trials: int = 14) -> optuna.Study:
    """A study with finished, failed, pruned and running trials."""
    study = optuna.create_study(directions=["maximize", "maximize", "minimize"])
    random = sampler_named("random")
    for number in range(trials):
        asked, params = propose(study, space, random, 0, number)
        if number % 7 == 3:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        elif number % 7 == 5:
            study.tell(asked, state=optuna.trial.TrialState.PRUNED)
        elif number != trials - 1:  # the last one is still running
            weight = float(params["a.weight"])
            study.tell(asked, [weight, 1 - weight**2, weight / 2])
    return study


@cache
def proposals(name: str, method: str, seed: int = 0) -> list[dict[str, Any]]:
    space = space_of(method)
    study = filled(space)
    found = []
    for number in range(14, 16):
        asked, params = propose(study, space, sampler_named(name), seed, number)
        weight = float(params["a.weight"])
        study.tell(asked, [weight, 1 - weight, weight / 3])
        found.append(params)
    return found


@pytest.mark.parametrize("method", [ONE_METHOD, TWO_METHODS])
@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_proposals_lie_in_the_space_and_are_plain_python(name: str, method: str) -> None:
    space = space_of(method)
    for params in proposals(name, method):
        chosen = str(params.get("merge_method", "ties"))
        assert set(params) - {"merge_method"} == {
            d.name for d in space.active(chosen) if d.name != "merge_method"
        }
        for dimension in space.active(chosen):
            value, r = params[dimension.name], dimension.range
            assert type(value) in (float, int, bool, str)
            if r.choices is not None:
                assert value in r.choices
            else:
                assert r.low is not None
                assert r.high is not None
                assert r.low <= value <= r.high
        assert space.recipe(params, layers=4)


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_the_same_records_and_seed_give_the_same_proposal_in_another_process(name: str) -> None:
    code = (
        "import sys, logging, warnings; warnings.simplefilter('ignore');"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r});"
        "import optuna; optuna.logging.disable_default_handler();"
        "from test_samplers import proposals;"
        f"print(proposals({name!r}, {ONE_METHOD!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": "123", "PATH": "", "OMP_NUM_THREADS": "1"},
    )
    assert done.stdout.strip() == str(proposals(name, ONE_METHOD)), done.stderr


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_another_seed_gives_another_proposal(name: str) -> None:
    assert proposals(name, ONE_METHOD) != proposals(name, ONE_METHOD, seed=1)


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_a_space_of_one_point_works(name: str) -> None:
    text = TEXT.format(method="ties")
    for old in ("{low: 0.0, high: 1.0}", "{low: 0.1, high: 1.0, step: 0.1}"):
        text = text.replace(old, "0.5")
    text = text.replace("{choices: [0.5, 1.0]}", "1.0").replace("{choices: [true, false]}", "true")
    text = text.replace(
        "{low: 0.001, high: 1.0, log: true, layer_groups: 2}", "{low: 0.5, high: 0.5}"
    )
    space = make_space(yaml.safe_load(text), Path("s.yaml"))
    study = optuna.create_study(directions=["maximize", "maximize", "minimize"])
    for number in range(13):
        asked, params = propose(study, space, sampler_named(name), 0, number)
        assert params == {"b.weight": 0.5}
        study.tell(asked, [0.1 * number, 1.0, 0.2])


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
