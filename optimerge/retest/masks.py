"""Merges with random masks, rebuilt under other seeds: how much of a score was luck of the draw."""

from collections.abc import Sequence

from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Recipe
from optimerge.records.origins import MASKS
from optimerge.records.types import Trial
from optimerge.search.session import Session

STEP = 1000
"""Between a run's seed and those of its rebuilds, so that they are no other run's by chance."""


def is_stochastic(recipe: Recipe) -> bool:
    """Whether another seed gives another merge."""
    return method_named(recipe.merge_method).stochastic


def mask_seeds(seed: int, count: int) -> list[int]:
    """Return the seeds of rebuilds; the first ones are the same whatever the count."""
    return [seed + STEP + k for k in range(count)]


def mask_origin(trial: Trial, seed: int) -> str:
    """Return what the record of a rebuild is marked with."""
    return f"{MASKS}{trial.name}:{seed}"


def with_seed(recipe: Recipe, seed: int) -> Recipe:
    """Return the recipe with masks of another seed."""
    return recipe.model_copy(update={"optimerge": recipe.block.model_copy(update={"seed": seed})})


def stochastic(members: Sequence[Trial], session: Session) -> list[Trial]:
    """Return the merges whose masks are drawn at random."""
    return [trial for trial in members if is_stochastic(session.recipe(trial.params))]
