"""Makes the card of a build: finds the run, and says what was built, not what was asked for."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.folder import Checkpoint
from optimerge.errors import RunError
from optimerge.export.card.write import Card, make_card
from optimerge.export.named_run import named_run
from optimerge.merge.tensor import Selections
from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Recipe
from optimerge.records.run import Run, open_run
from optimerge.retest.read import read_results

if TYPE_CHECKING:
    from optimerge.retest.tested import Results


def card_of_build(
    name: str,
    recipe: Recipe,
    file: Path,
    selections: Selections,
    checkpoints: Mapping[str, Checkpoint],
    run: Run | str | Path | None = None,
    results: "Results | None" = None,
) -> Card:
    """Return the card of what is built from the recipe in `file`.

    `run`: by default the one that the recipe names, if it can be found. RunError if one is given
    that cannot be opened; one that was found only costs the figure.
    """
    notes: tuple[str, ...] = ()
    known = run if isinstance(run, Run) else None
    try:
        if isinstance(run, str | Path):
            known = open_run(Path(run))
        elif run is None and (found := named_run(recipe.block.run, file.parent)):
            known = open_run(found)
    except RunError as error:
        if run is not None:
            raise
        notes = (f"the model card has no figure: {error}",)
    if known is not None and results is None:
        results = read_results(known, documents=False)
    built = _as_built(recipe, selections)
    card = make_card(name, built, checkpoints, file.parent, run=known, results=results)
    return replace(card, notes=(*notes, *card.notes))


def _as_built(recipe: Recipe, selections: Selections) -> Recipe:
    """Return the recipe with the mode and seed of the build.

    With others than those that it was scored with it is another model, which has no scores.
    """
    block, method = recipe.block, method_named(recipe.merge_method)
    random = method.stochastic and selections.seed != block.seed
    update: dict[str, object] = {"mode": selections.mode, "seed": selections.seed}
    if random or selections.mode != block.mode:
        update |= {"scores": {}, "test_scores": {}, "constraints": {}, "trial": None}
    return recipe.model_copy(update={"optimerge": block.model_copy(update=update)})
