"""The page of the formats: recipes, and search spaces."""

from docs.generate.markdown import page
from docs.generate.recipe import recipe
from docs.generate.space import space


def formats() -> str:
    """Return the page."""
    return page("Recipes and search spaces", *recipe(), *space())
