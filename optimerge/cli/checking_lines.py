"""The lines of `optimerge check` that the space alone gives, with its models or without."""

from collections.abc import Iterator

from optimerge.search.budget import DEFAULT_TRIALS
from optimerge.space.objectives import (
    ObjectiveSpec,
    SparsityObjective,
    TaskObjective,
    objective_name,
)
from optimerge.space.ranges import Dimension
from optimerge.space.space import SearchSpace

MEANING = {
    "nonzero": "the share of parameters that differ from the base",
    "l1": "the sum of |merged - base|",
    "l2": "the root of the sum of (merged - base) squared",
}


def dimension_lines(space: SearchSpace) -> Iterator[str]:
    """Yield a line for each dimension."""
    for dimension in space.dimensions:
        yield f"  {dimension.name}: {dimension.text}{_only(dimension, space)}"


def objective_line(spec: ObjectiveSpec, space: SearchSpace, text: str) -> str:
    """Return what an objective is; `text`: of a kind other than sparsity what is measured."""
    name = objective_name(spec)
    if isinstance(spec, SparsityObjective):
        text = f"minimize {MEANING[spec.sparsity]}"
    limits = "".join(f"; {b.kind.replace('_', ' ')} {b.limit:g}" for b in spec.bounds(name))
    kind = "objective" if spec in space.objectives else "report"
    return f"{kind} {name}: {text}{limits}{'' if spec.optimize else '; not optimised'}"


def task_text(
    spec: TaskObjective, metric: str, tasks: int | None, num_fewshot: int, items: str
) -> str:
    """Return what a task objective measures; `tasks`: how many a group has, None for a task."""
    what = f"task {spec.task}" if tasks is None else f"group {spec.task} ({tasks} tasks)"
    return f"{metric} of {what}, {num_fewshot}-shot; {items}"


def search_line(space: SearchSpace, sampler: str) -> str:
    """Return how the space is searched, and how long."""
    settings = space.search
    ends = [f"{settings.trials} trials"] if settings.trials else []
    ends += [f"{settings.hours:g} hours"] if settings.hours else []
    ends += [f"until {settings.until}"] if settings.until else []
    goal = " or ".join(ends) or f"{DEFAULT_TRIALS} trials"
    racing = settings.racing
    raced = f"racing at confidence {racing.confidence:g}" if racing else "no racing"
    return f"search: {sampler}, {goal}, seed {settings.seed}, {raced}"


def _only(dimension: Dimension, space: SearchSpace) -> str:
    if len(dimension.methods) in (0, len(space.methods)):
        return ""
    return f"  ({', '.join(sorted(dimension.methods))} only)"
