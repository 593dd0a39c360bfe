"""What a person should know of a recipe whose method comes from an installed package."""

from optimerge.methods.registry import maker_of_method
from optimerge.plugins import same_source
from optimerge.recipe.schema import Recipe


def package_notes(recipe: Recipe) -> list[str]:
    """Return a note if the method's package is not the one that the recipe was scored with."""
    scored, installed = recipe.block.method_package, maker_of_method(recipe.merge_method)
    if scored is None or (installed and same_source(scored, installed)):
        return []
    return [
        f"the recipe was scored with {recipe.merge_method} of {scored}, and is built with that of "
        f"{installed or 'optimerge'}: the tensors may differ"
    ]
