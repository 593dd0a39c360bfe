"""Writes a trial's recipe, with its evidence as comments, and says who can build it.

mergekit builds it as it stands, unless its method is one that mergekit lacks.
"""

from collections.abc import Mapping
from pathlib import Path

from optimerge.errors import RunError
from optimerge.export.as_mergekit import as_mergekit
from optimerge.export.file import write_file
from optimerge.methods.protocol import MergeMethod, Required
from optimerge.methods.registry import method_named
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe
from optimerge.recipe.values import Value
from optimerge.recipe.write import recipe_text
from optimerge.records.plain import plain
from optimerge.records.run import Run
from optimerge.records.types import Score, Trial


def export_text(run: Run, trial: Trial, reason: str) -> str:
    """Return the recipe file of a trial; the same trial gives the same bytes.

    Every default is written out, so that another version of mergekit merges the same.
    RunError if the trial has no scores.
    """
    if trial.state != "complete":
        raise RunError(f"{run.folder}: trial {trial.name} is {trial.state}: {trial.error}")
    scored = parse_recipe(trial.recipe, f"trial {trial.name}")
    recipe = complete(as_mergekit(scored))
    block = recipe.block.model_copy(
        update={"run": run.name, "trial": trial.name if _unnumbered(trial) else trial.number}
    )
    recipe = recipe.model_copy(update={"optimerge": block})
    lines = [
        *_head(run, trial, reason),
        *_evidence(trial.scores),
        *_constraints(trial),
        *_rewritten(scored, recipe),
        *_builders(recipe),
        *task_vector_notes(recipe),
    ]
    comments = (plain(" ".join(line.splitlines())) for line in lines)  # a name ends no comment
    return "".join(f"# {line}".rstrip() + "\n" for line in comments) + recipe_text(recipe)


def write_export(text: str, path: Path) -> None:
    """Write the recipe file whole or not at all; RunError if it cannot be written."""
    write_file(text.encode(), path)


def complete(recipe: Recipe) -> Recipe:
    """Return the recipe with every default of its method written out, at the lowest priority."""
    method = method_named(recipe.merge_method)
    return recipe.model_copy(update={"parameters": {**_defaults(method), **recipe.parameters}})


def _defaults(method: MergeMethod) -> Mapping[str, Value]:
    return {
        p.name: Value.model_validate(p.default)
        for p in method.parameters
        if not isinstance(p.default, Required) and p.default is not None
    }


def _head(run: Run, trial: Trial, reason: str) -> list[str]:
    kind = "parent " if trial.is_parent else "" if _unnumbered(trial) else "trial "
    return [
        f"Exported by optimerge from run {run.name}, {kind}{trial.name}: {reason}.",
        "",
        "Search scores:",
    ]


def _unnumbered(trial: Trial) -> bool:
    """Whether the trial goes by a name: a parent, also one with a number, or a soup."""
    return trial.is_parent or trial.number is None


def _evidence(scores: Mapping[str, Score]) -> list[str]:
    return [
        f"  {name}: {score.value:.4f}{_error(score)}, "
        f"{'larger' if score.direction == 'maximize' else 'smaller'} is better"
        for name, score in scores.items()
    ]


def _constraints(trial: Trial) -> list[str]:
    return [
        f"  constraint {name}: {'kept' if beyond <= 0 else f'MISSED by {beyond:.4g}'}"
        for name, beyond in trial.constraints.items()
    ]


def _error(score: Score) -> str:
    if not score.items:
        return ""
    error = "" if score.stderr is None else f" +- {score.stderr:.4f}"
    return f"{error} ({score.items} items)"


def _rewritten(scored: Recipe, written: Recipe) -> list[str]:
    if scored.merge_method == written.merge_method:
        return []
    return [
        "",
        f"Scored as {scored.merge_method}, which mergekit does not have; written as "
        f"{written.merge_method}, which gives the same tensors.",
    ]


def task_vector_notes(recipe: Recipe) -> list[str]:
    """Return what a person should know of a recipe that was scored with int8 task vectors."""
    if not recipe.block.task_vectors:
        return []
    notes = [
        "",
        "Scored with int8 task vectors, as `task_vectors: int8` below records: optimerge build",
        "rounds the experts alike. Take that key out to build from the full weights, which differ",
        "slightly from what was scored.",
    ]
    if method_named(recipe.merge_method).mergekit:
        notes[-1] = "slightly from what was scored; mergekit-yaml always takes the full weights."
    return notes


def _builders(recipe: Recipe) -> list[str]:
    seed = recipe.block.seed
    method = method_named(recipe.merge_method)
    exact = recipe.block.mode == "exact"
    lines = ["", "Build it: optimerge build THIS_FILE OUT"]
    if not method.mergekit:
        return [*lines, f"          (only optimerge can: mergekit has no method {method.name!r})"]
    if not method.stochastic:
        return [*lines, "or:       mergekit-yaml THIS_FILE OUT"]
    lines.append(f"or:       mergekit-yaml THIS_FILE OUT --random-seed {seed}")
    if not exact:
        lines.append("          (mergekit draws other random masks: a sister of what was scored)")
    return lines
