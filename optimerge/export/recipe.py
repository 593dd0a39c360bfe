"""Writes a trial's recipe, with its evidence, and says who can build it.

mergekit builds it as it stands, unless its method is one that mergekit lacks. What a person wants
to know at once stands in comments; all that is known, for programs, in the `optimerge:` block.
"""

from collections.abc import Mapping
from pathlib import Path

from optimerge.errors import RecipeError, RunError
from optimerge.export.as_mergekit import as_mergekit
from optimerge.export.evidence import mergekit_command, unnumbered, with_evidence
from optimerge.export.file import write_file
from optimerge.export.listed import mergekit_stops, with_listed_bases
from optimerge.front.directions import better
from optimerge.methods.protocol import MergeMethod, Required
from optimerge.methods.registry import method_named
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe
from optimerge.recipe.values import Value
from optimerge.recipe.write import recipe_text
from optimerge.records.plain import plain
from optimerge.records.run import Run
from optimerge.records.types import Score, Trial


def export_text(
    run: Run, trial: Trial, reason: str, test: Mapping[str, Score] | None = None
) -> str:
    """Return the recipe file of a trial; the same trial gives the same bytes.

    Every default is written out, so that another version of mergekit merges the same. `test`: its
    scores on the test items, if it was tested. RunError if the trial has no scores.
    """
    if trial.state != "complete":
        raise RunError(f"{run.folder}: trial {trial.name} is {trial.state}: {trial.error}")
    scored = parse_recipe(trial.recipe, f"trial {trial.name}")
    recipe = exported(scored)
    recipe = with_evidence(recipe, run, trial, test)
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


def exported(scored: Recipe) -> Recipe:
    """Return a recipe as it was scored in the form in which it is exported."""
    recipe = complete(as_mergekit(scored))
    if recipe.merge_method != scored.merge_method:
        block = recipe.block.model_copy(update={"scored_as": scored.merge_method})
        recipe = recipe.model_copy(update={"optimerge": block})
    return recipe


def write_export(text: str, path: Path) -> bool:
    """Write the recipe file whole or not at all; return whether another recipe was there.

    RunError if it cannot be written, or what is there is no recipe: a search space is named by
    mistake easily. A link is replaced, not what it leads to.
    """
    other = path.is_file() and not path.is_symlink() and _recipe_at(path) != text
    write_file(text.encode(), path)
    return other


def _recipe_at(path: Path) -> str:
    """Return the text of a recipe file; RunError if it is none."""
    try:
        text = path.read_text("utf-8")
        parse_recipe(text, str(path))
    except (OSError, UnicodeDecodeError, RecipeError):
        raise RunError(
            f"{path}: is there already, and no recipe; give another -o, or move it away"
        ) from None
    return text


def complete(recipe: Recipe) -> Recipe:
    """Return the recipe with every default of its method written out, at the lowest priority.

    Where the base is no more than one of the models and is not named, the first model is: without
    it mergekit takes config and tokenizer from any of them. Where it joins slices it is listed.
    """
    recipe = with_listed_bases(recipe)
    method = method_named(recipe.merge_method)
    changed: dict[str, object] = {"parameters": {**_defaults(method), **recipe.parameters}}
    if recipe.base_model is None and method.base == "ignored":
        changed["base_model"] = recipe.references()[0]
    return recipe.model_copy(update=changed)


def _defaults(method: MergeMethod) -> Mapping[str, Value]:
    return {
        p.name: Value.model_validate(p.default)
        for p in method.parameters
        if not isinstance(p.default, Required) and p.default is not None
    }


def _head(run: Run, trial: Trial, reason: str) -> list[str]:
    kind = "parent " if trial.is_parent else "" if unnumbered(trial) else "trial "
    return [
        f"Exported by optimerge from run {run.name}, {kind}{trial.name}: {reason}.",
        "",
        "Search scores:",
    ]


def _evidence(scores: Mapping[str, Score]) -> list[str]:
    return [
        f"  {name}: {score.value:.4f}{_error(score)}, {better(score.direction)}"
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


def is_random(method: MergeMethod) -> bool:
    """Whether what mergekit makes of a method depends on its random seed."""
    return method.stochastic or method.name == "arcee_fusion"  # a sample of large tensors


def _builders(recipe: Recipe) -> list[str]:
    seed = recipe.block.seed
    method = method_named(recipe.merge_method)
    exact = recipe.block.mode == "exact"
    lines = ["", "Build it: optimerge build THIS_FILE OUT"]
    if not method.mergekit:
        return [*lines, f"          (only optimerge can: mergekit has no method {method.name!r})"]
    if mergekit_stops(recipe):
        return [
            *lines,
            "          (mergekit stops: the last slice has more sources than the first)",
        ]
    theirs = mergekit_command(seed if is_random(method) else None, "THIS_FILE", "OUT")
    lines.append(f"or:       {theirs}")
    if method.stochastic and not exact:
        lines.append("          (mergekit draws other random masks: a sister of what was scored)")
    return lines
