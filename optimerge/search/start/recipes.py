"""Known recipes that a search starts from: `search: {warm_start: {recipes: [a.yaml]}}`."""

from collections.abc import Mapping
from pathlib import Path

from optimerge.recipe.read import read_recipe
from optimerge.recipe.write import with_references
from optimerge.records.origins import WARM
from optimerge.search.start.known import Start
from optimerge.space.point_of import point_of
from optimerge.space.space import SearchSpace


def recipe_starts(space: SearchSpace, places: Mapping[str, str], layers: int) -> tuple[Start, ...]:
    """Return the points of the recipes that the space names, in its order.

    `places`: where each model of the space leads from any folder. RecipeError if a file is no
    recipe, or no point of the space; the sentence names the first difference.
    """
    settings = space.search.warm_start
    found = []
    for name in settings.recipes if settings else ():
        file = space.folder / Path(name).expanduser()
        recipe = read_recipe(file)
        ours = {placed(r, places, file.parent): r for r in recipe.references()}
        renamed = {
            ours[form]: r
            for r, place in places.items()
            for form in (place, placed(r, places, space.folder))  # with its commit, and without
            if form in ours
        }
        point = point_of(space, with_references(recipe, renamed), layers, str(file))
        found.append(Start(f"{WARM}{file.name}", point))
    return tuple(found)


def placed(reference: str, places: Mapping[str, str], folder: Path) -> str:
    """Return where a recipe's model leads: a folder's full path, else the reference itself.

    One that `places` lead to already is left as it is.
    """
    if reference in places.values():
        return reference
    parts = [_one(part, folder) for part in reference.split("+")] if "+" in reference else []
    whole = _one(reference, folder)
    return "+".join(parts) if parts and whole == reference else whole


def _one(reference: str, folder: Path) -> str:
    name = Path(reference).expanduser()
    found = next((start / name for start in (folder, Path.cwd()) if (start / name).is_dir()), None)
    return str(found.resolve()) if found else reference
