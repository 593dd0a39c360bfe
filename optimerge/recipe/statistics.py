"""The `optimerge: {statistics: {MODEL: FOLDER}}` block: who needs one, and what to run for it."""

import shlex
from collections.abc import Iterable, Mapping, Sequence

from optimerge.errors import RecipeError, did_you_mean
from optimerge.methods.protocol import MergeMethod, StatisticKind
from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Recipe


def check_statistics(recipe: Recipe, method: MergeMethod, inputs: Iterable[str], file: str) -> None:
    """Refuse a block that names a stranger, and a method that needs what the block lacks.

    `inputs`: the models that are merged. No file is opened: that is for `open_statistics`.
    """
    given, known = recipe.block.statistics, recipe.references()
    for model in given:
        if model not in known:
            hint = did_you_mean(model, known) or f"; they are {', '.join(known)}"
            raise RecipeError(
                f"{file}: optimerge.statistics: {model!r} is none of the recipe's models{hint}"
            )
    lacking = [model for model in dict.fromkeys(inputs) if model not in given]
    if method.statistics and lacking:
        raise RecipeError(
            f"{file}: {method.name} needs statistics of {', '.join(map(repr, lacking))} under "
            f"`optimerge: {{statistics: {{MODEL: FOLDER}}}}`; "
            f"{remedy(lacking, method.statistics)} and paste what it prints"
        )


def remedy(models: Sequence[str], kinds: Iterable[StatisticKind]) -> str:
    """Return what to do about statistics that are not there, as the end of a sentence."""
    names = " ".join(map(shlex.quote, models))
    options = "".join(f" --kind {kind}" for kind in kinds)
    return f"run `optimerge calibrate {names}{options} --text FILE` (or --task TASK)"


def needed_statistics(recipe: Recipe) -> Mapping[str, str]:
    """Return the block's folders by model, {} for a method that needs none."""
    needs = method_named(recipe.merge_method).statistics
    return recipe.block.statistics if needs else {}


def with_statistics(
    recipe: Recipe, places: Mapping[str, str], folders: Mapping[str, str]
) -> Recipe:
    """Return the recipe with its statistics by the models' `places`, in `folders` (by model)."""
    block = recipe.optimerge
    if block is None or not block.statistics:
        return recipe
    moved = {places.get(m, m): folders.get(m, given) for m, given in block.statistics.items()}
    return recipe.model_copy(update={"optimerge": block.model_copy(update={"statistics": moved})})
