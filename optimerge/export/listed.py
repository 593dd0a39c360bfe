"""Lists the base in every slice that it takes part in: here it joins unasked, in mergekit not.

mergekit adds a base that is not listed to `models:` alone; with `slices:` it stops.
"""

from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Recipe, Slice, SliceSource


def with_listed_bases(recipe: Recipe) -> Recipe:
    """Return the recipe with the base as last source of the slices where it is only understood."""
    if method_named(recipe.merge_method).base == "ignored":
        return recipe
    changed: dict[str, object] = {}
    if recipe.slices:
        changed["slices"] = [_listed(part, recipe.base_model) for part in recipe.slices]
    if recipe.modules:
        changed["modules"] = {
            name: body.model_copy(
                update={"slices": [_listed(part, recipe.base_model) for part in body.slices]}
            )
            if body.slices
            else body
            for name, body in recipe.modules.items()
        }
    return recipe.model_copy(update=changed) if changed else recipe


def mergekit_stops(recipe: Recipe) -> bool:
    """Whether mergekit cannot plan a recipe whose bases are listed.

    It merges final norm and head from as many sources of the last slice as the first has, and
    stops where that leaves out the base. optimerge takes all of them.
    """
    if method_named(recipe.merge_method).base == "ignored":
        return False
    for _, body in recipe.bodies():
        if body.slices:
            last = body.slices[-1]
            left_out = last.sources[len(body.slices[0].sources) :]
            base = last.base_model or recipe.base_model
            if any(source.model == base for source in left_out):
                return True
    return False


def _listed(part: Slice, base: str | None) -> Slice:
    own = part.base_model or base
    if own is None or own in [source.model for source in part.sources]:
        return part
    # As `optimerge.merge.plan` has it: all sources have the same range, or it was refused.
    joined = SliceSource(model=own, layer_range=part.sources[0].layer_range)
    return part.model_copy(update={"sources": [*part.sources, joined]})
