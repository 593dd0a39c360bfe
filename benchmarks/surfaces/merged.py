"""A surface measured for real: merged by the product's engine, scored on a zoo's own items.

Scores are greedy exact match by one teacher-forced pass, as `optimerge.zoo.score` has it (and
lm-eval: tests/zoo), but for the shortcut that logits are only made where an answer stands.
Imports torch.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch

from benchmarks.surfaces.definitions import NONZERO, Definition
from benchmarks.surfaces.surface import ITEMS, Measured, binomial
from optimerge.merge.engine import load_engine
from optimerge.recipe.schema import InputModel, Recipe
from optimerge.records.types import Direction
from optimerge.search.models import open_models
from optimerge.search.start.parents import parent_points
from optimerge.space.ranges import Param
from optimerge.zoo.batches import NO_TARGET, Tokens
from optimerge.zoo.folder import BASE
from optimerge.zoo.make import cached_zoo
from optimerge.zoo.score import eval_tokens

BATCH = 100


class RealSurface:
    """Merges and scores; the zoo is trained into the user's cache where it is not there yet."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.name = definition.name
        self.objectives: Mapping[str, Direction] = definition.objectives
        self.zoo = cached_zoo(definition.zoo)
        self.space = definition.space(self.zoo.directory)
        models = open_models(self.space)
        self._layers = models.base.layers
        self._engine = load_engine(models.checkpoints)
        items = eval_tokens(definition.zoo, 2 * ITEMS)
        self._items = {task: items[task] for task in definition.tasks}

    def measure(self, params: Mapping[str, Param]) -> Measured:
        """Merge and score one point."""
        right, nonzero = self.answers(params)
        return self._measured(right, nonzero)

    def answers(self, params: Mapping[str, Param]) -> tuple[dict[str, list[bool]], float]:
        """Return which items each task has right, search items first, and the nonzero share."""
        stats = self._engine.apply(self.space.recipe(params, self._layers))
        return self._right(), stats.nonzero_share

    @cached_property
    def parent_points(self) -> dict[str, dict[str, Param]]:
        """The points that build a parent as it is: built, and compared."""
        found: dict[str, dict[str, Param]] = {}
        for reference in self.zoo.parents:
            for point in parent_points(self.space, None if reference == BASE else reference):
                self._engine.apply(self.space.recipe(point, self._layers))
                if self._engine.holds(reference):
                    found[_parent(reference)] = point
                    break
        return found

    @cached_property
    def parents(self) -> dict[str, Measured]:
        """Base and experts as given, points of the space or not."""
        found = {}
        for reference in self.zoo.parents:
            copied = Recipe(merge_method="passthrough", models=[InputModel(model=reference)])
            stats = self._engine.apply(copied)
            found[_parent(reference)] = self._measured(self._right(), stats.nonzero_share)
        return found

    @torch.inference_mode()
    def _right(self) -> dict[str, list[bool]]:
        """Answer in small batches: what they work on stays in the cache, a third of the time."""
        model = self._engine.model
        right: dict[str, list[bool]] = {task: [] for task in self._items}
        for task, items in self._items.items():
            for part in zip(*(torch.split(tensor, BATCH) for tensor in items), strict=True):
                right[task] += _answered(model, Tokens(*part))
        return right

    def _measured(self, right: Mapping[str, list[bool]], nonzero: float) -> Measured:
        values = {t: sum(r[:ITEMS]) / ITEMS for t, r in right.items()}
        test = {t: sum(r[ITEMS:]) / ITEMS for t, r in right.items()}
        stderr: dict[str, float | None] = {t: binomial(p) for t, p in values.items()}
        if NONZERO in self.objectives:
            values[NONZERO] = test[NONZERO] = nonzero
            stderr[NONZERO] = 0.0
        return Measured(values, stderr, test)


def _parent(reference: str) -> str:
    return BASE if reference == BASE else f"expert:{reference}"


def _answered(model: Any, items: Tokens) -> list[bool]:
    inputs, targets = items
    rows, places = (targets != NO_TARGET).nonzero(as_tuple=True)
    hidden = model.model(inputs, use_cache=False).last_hidden_state
    best = model.lm_head(hidden[rows, places]).argmax(-1)
    wrong = torch.zeros(len(inputs), dtype=torch.bool)
    wrong[rows[best != targets[rows, places]]] = True
    return (~wrong).tolist()
