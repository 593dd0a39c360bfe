"""Checks where `layer_groups` may stand: what needs the models' layers stands outside slices."""

from collections.abc import Iterable, Mapping
from typing import Any

from optimerge.errors import RecipeError
from optimerge.space.layer_groups import Auto
from optimerge.space.ranges import Range
from optimerge.space.slices import Place, Ranges, Site, path_text, slice_of, slice_sites


def check_groups(template: Mapping[str, Any], ranges: Ranges, file: str) -> None:
    """Refuse groups that a slice, or a recipe with slices, cannot have: RecipeError."""
    sliced = any(True for _ in slice_sites(template))
    for site, found in ranges.items():
        where, groups = f"{file}: {path_text(site)}", found.layer_groups
        if slice_of(site) and isinstance(groups, Auto):
            raise RecipeError(
                f"{where}: layer_groups: auto looks at whole models, and a slice takes layers "
                "from anywhere; give a number, or each"
            )
        if slice_of(site) and isinstance(groups, tuple):
            raise RecipeError(
                f"{where}: layer_groups of a slice are a number or each, not edges: its layers "
                "are counted anew"
            )
        if sliced and not slice_of(site) and groups is not None and not isinstance(groups, int):
            raise RecipeError(
                f"{where}: in a recipe with slices a gradient begins anew in every slice; put the "
                "parameter into the slices"
            )


def each_in_slices(ranges: Ranges, places: Iterable[Place]) -> dict[Site, Range]:
    """Return the ranges with `each` in a slice as the most layers that the slice may have."""
    most = {place.site: place.most for place in places}

    def fixed(site: Site, found: Range) -> Range:
        part = slice_of(site)
        if part is None or found.layer_groups != "each":
            return found
        return found.model_copy(update={"layer_groups": max(1, most[part])})

    return {site: fixed(site, found) for site, found in ranges.items()}
