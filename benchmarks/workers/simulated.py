"""A search whose merging takes no time and whose scoring is a sleep; the rest of it is real."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import yaml

from optimerge.objectives.evaluation import Scored
from optimerge.recipe.schema import Recipe
from optimerge.recipe.write import recipe_data
from optimerge.records.lease import new_worker
from optimerge.records.run import Run, RunInfo, create_run, find_run
from optimerge.records.types import Direction, MergeStats, Score
from optimerge.search.session import Session
from optimerge.space.read import make_space

SPACE = """
merge_method: dare_ties
base_model: base
models:
  - {model: a, parameters: {weight: {low: 0.0, high: 1.0}, density: {low: 0.1, high: 1.0}}}
  - {model: b, parameters: {weight: {low: 0.0, high: 1.0}, density: {low: 0.1, high: 1.0}}}
  - {model: c, parameters: {weight: {low: 0.0, high: 1.0}, density: {low: 0.1, high: 1.0}}}
parameters: {normalize: false}
objectives: [{task: t}, {task: u}, {sparsity: nonzero}]
"""
MODELS = ("base", "a", "b", "c")
DIRECTIONS: dict[str, Direction] = {"t": "maximize", "u": "maximize", "nonzero": "minimize"}


@dataclass
class Simulated:
    """Engine and evaluation in one; keeps when it slept."""

    seconds: float
    mode: str = "fast"
    seed: int = 0
    rounding: None = None
    objectives: tuple[()] = ()
    slept: list[tuple[float, float]] = field(default_factory=list)
    """When each scoring began and ended, by the clock of this process."""
    model: dict[str, Any] = field(default_factory=dict)

    def apply(self, recipe: Recipe) -> MergeStats:
        """Keep the recipe."""
        self.model = recipe_data(recipe)
        share = sum(self._numbers("density")) / 3
        return MergeStats(0.0, 1_000_000, round(1_000_000 * share), 1.0, 1.0)

    def holds(self, reference: str) -> bool:
        """Whether only that model has weight, whole."""
        named = {m["model"]: m.get("parameters", {}) for m in self.model["models"]}
        weights = {name: given.get("weight", 0.0) for name, given in named.items()}
        held = {name: weight for name, weight in weights.items() if weight}
        return held == ({} if reference == "base" else {reference: 1.0})

    def score(self, candidate: object, race: object = None) -> Scored:
        """Sleep, and return numbers that depend on the recipe."""
        began = time.monotonic()
        time.sleep(self.seconds)
        self.slept.append((began, time.monotonic()))
        a, b, c = self._numbers("weight")
        share = sum(self._numbers("density")) / 3
        values = {
            "t": a - a * a / 2 - b * c / 4,
            "u": b + c / 2 - (b + c) ** 2 / 4,
            "nonzero": share,
        }
        return Scored(
            {
                name: Score(value, 0.02, 500, DIRECTIONS[name], self.seconds)
                for name, value in values.items()
            }
        )

    def _numbers(self, name: str) -> list[float]:
        given = {m["model"]: m.get("parameters", {}) for m in self.model["models"]}
        whole = 1.0 if self.model["merge_method"] == "passthrough" else 0.0
        return [given.get(m, {}).get(name, whole if m in given else 0.0) for m in MODELS[1:]]


def open_simulated(folder: Path, url: str, seconds: float, index: int) -> tuple[Session, Simulated]:
    """Open the session of a simulated run in a folder or a database; it is made if need be."""
    space = make_space(yaml.safe_load(SPACE), folder / "space.yaml")
    engine = Simulated(seconds)
    checkpoints = [SimpleNamespace(reference=m, layers=2, dtype="bfloat16") for m in MODELS]
    models = SimpleNamespace(
        base=checkpoints[0],
        has_base=True,
        names={m: m for m in MODELS},
        checkpoints=checkpoints,
        layers=None,
        places={},
        statistics=None,
        starts=(),
    )
    info = RunInfo(SPACE, "space.yaml", "simulated", DIRECTIONS, 2, 0, exact=False)
    run: Run = find_run(folder, url) or create_run(folder, info, url)
    anything = cast(Any, engine)
    worker = new_worker(index)
    return Session(space, cast(Any, models), anything, anything, run, worker=worker), engine
