"""Puts layers in the place of `layer_groups: each` and `auto`, once the models are known.

What a range says is kept in the space's data, so its digest stays; only ranges and dimensions
become those of the groups.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from optimerge.errors import RecipeError
from optimerge.space.dimensions import dimensions
from optimerge.space.layer_groups import AUTO_GROUPS, Auto
from optimerge.space.partition import Profile, partition
from optimerge.space.ranges import Range
from optimerge.space.slices import Site, path_text
from optimerge.space.space import SearchSpace

Edges = Mapping[str, Sequence[int]]
"""By what `auto` asks for (`Auto.key`): the edges of its groups, 0 to the number of layers."""


def auto_edges(
    space: SearchSpace, layers: int, profile: Callable[[], Profile], known: Edges | None = None
) -> dict[str, list[int]]:
    """Return the edges of every `auto` of the space; those that are known are kept as they are.

    `profile` is asked for once, if at all: it may read all weights. RecipeError if there are more
    groups than layers.
    """
    wanted: dict[str, tuple[Site, Auto]] = {}
    for site, each in space.ranges.items():
        if isinstance(each.layer_groups, Auto):
            wanted.setdefault(each.layer_groups.key, (site, each.layer_groups))
    found = {key: [int(e) for e in (known or {})[key]] for key in wanted if key in (known or {})}
    lacking = {key: asked for key, asked in wanted.items() if key not in found}
    for site, groups in lacking.values():
        if (groups.groups or 1) > layers:
            raise RecipeError(
                f"{space.file}: {path_text(site)}: {groups.groups} layer groups for {layers} "
                f"layers; give at most {layers}"
            )
    if lacking:
        measured = profile()
        for key, (_, groups) in lacking.items():
            count = groups.groups or min(AUTO_GROUPS, layers)
            found[key] = list(partition(measured, count))
    return found


def resolved(space: SearchSpace, layers: int, edges: Edges) -> SearchSpace:
    """Return the space with the groups of `each` and `auto`, and so with all its dimensions.

    A space without them is returned as it is. KeyError if `edges` lack an `auto` of the space.
    """
    if not space.open_ranges:
        return space

    def fixed(site: Site, found: Range) -> Range:
        groups = found.layer_groups
        if isinstance(groups, Auto):
            return found.model_copy(update={"layer_groups": tuple(edges[groups.key])})
        if groups == "each":
            return found.model_copy(update={"layer_groups": tuple(range(layers + 1))})
        return found

    ranges = {site: fixed(site, found) for site, found in space.ranges.items()}
    whole = tuple(dimensions(space.template, ranges, space.methods, str(space.file)))
    return replace(space, ranges=ranges, dimensions=whole)
