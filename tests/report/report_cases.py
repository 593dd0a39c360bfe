"""Runs as a search leaves them, without a model: recipes, scores and failures are made up."""

import random
from pathlib import Path
from typing import Any

import optuna
import yaml

from optimerge.recipe.write import recipe_text
from optimerge.records.attributes import trial_attributes
from optimerge.records.run import Run, RunInfo, create_run
from optimerge.records.types import MergeStats, Score
from optimerge.search.distributions import space_distributions
from optimerge.space.read import make_space

SPACE = """
merge_method: {choices: [dare_ties, linear]}
base_model: org/base
models:
  - model: org/red-7b
    parameters:
      weight: {low: 0.0, high: 1.0, layer_groups: 3}
      density: {low: 0.1, high: 1.0}
  - model: org/blue-7b
    parameters: {weight: {low: 0.0, high: 1.0, layer_groups: 3}, density: 0.5}
parameters: {normalize: false}
objectives:
  - {task: maths, search_items: 30, test_items: 10}
  - {task: code, search_items: 30, test_items: 10}
  - sparsity: nonzero
"""
LAYERS = 6
COPY = "merge_method: passthrough\nmodels: [{model: org/red-7b}]\n"


def made(
    folder: Path, trials: int = 30, objectives: int = 3, failed: int = 2, space: str = SPACE
) -> Run:
    """Return a run of so many trials, the last of which failed; its parents are scored."""
    data = yaml.safe_load(space)
    data["objectives"] = data["objectives"][:objectives]
    asked = make_space(data, Path("space.yaml"))
    directions: dict[str, Any] = {
        name: "minimize" if name == "nonzero" else "maximize" for name in asked.optimized
    }
    info = RunInfo(
        yaml.safe_dump(data), "/home/someone/space.yaml", "d", directions, LAYERS, 0, False,
        items={"maths": "0" * 32}, versions={"optimerge": "0.1.0", "torch": "2.13.0"},
        models={"org/base": {"model.safetensors": "f" * 32}},
    )  # fmt: skip
    run = create_run(folder, info)
    for origin, values in (("base", (0.3, 0.3, 0.0)), ("expert:red-7b", (0.8, 0.2, 1.0))):
        tell(run, run.parents, origin, COPY, dict(zip(directions, values, strict=False)))
    draw = random.Random(0)
    kinds = space_distributions(asked)
    for number in range(trials):
        method = ("dare_ties", "linear")[number % 3 == 0]
        active = [d.name for d in asked.active(method)]
        params: dict[str, Any] = {
            name: method if name == "merge_method" else draw.uniform(0.1, 1.0) for name in active
        }
        first = next(v for k, v in params.items() if k.startswith("red-7b.weight"))
        values = (0.2 + 0.6 * first, 0.9 - 0.5 * first, params.get("red-7b.density", 1.0))
        template = optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params=params,
            distributions={name: kinds[name] for name in params},
        )
        study = run.search
        trial = optuna.Trial(study, study._storage.create_new_trial(study._study_id, template))
        text = recipe_text(asked.recipe(params, LAYERS))
        scores = dict(zip(directions, values, strict=False))
        if number >= trials - failed:
            _fail(study, trial, text)
        else:
            _told(study, trial, "sampler", text, scores, directions)
    corner = [-0.1 if d == "maximize" else 1.1 for d in directions.values()]
    run.search.set_user_attr("reference", corner)
    run.search.set_user_attr("scales", [1.0] * len(directions))
    return run


def tell(
    run: Run, study: optuna.Study, origin: str, text: str, scores: dict[str, float]
) -> None:  # fmt: skip
    """Add a complete trial."""
    _told(study, study.ask(), origin, text, scores, run.info.objectives)


def _told(study: Any, trial: Any, origin: str, text: str, scores: Any, directions: Any) -> None:
    kept = {
        name: Score(value, 0.02 if name != "nonzero" else None, 30, directions[name], 1.0)
        for name, value in scores.items()
    }
    stats, seconds = MergeStats(0.5, 100, 25, 3.0, 1.0), {"merge": 0.5, "score": 2.0}
    for key, value in trial_attributes(origin, text, kept, stats, seconds).items():
        trial.set_user_attr(key, value)
    study.tell(trial, list(scores.values()))


def _fail(study: Any, trial: Any, text: str) -> None:
    trial.set_user_attr("origin", "sampler")
    trial.set_user_attr("recipe", text)
    trial.set_user_attr("error", "<script>alert(1)</script> & out of memory")
    study.tell(trial, state=optuna.trial.TrialState.FAIL)
