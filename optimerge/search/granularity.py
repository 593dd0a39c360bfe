"""Layer groups of a space once its models are open: how many layers, and where they part."""

from collections.abc import Sequence

from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.profile import layer_profile
from optimerge.errors import RecipeError
from optimerge.space.resolve import Edges, auto_edges, resolved
from optimerge.space.slices import slice_of
from optimerge.space.space import SearchSpace


def with_layer_groups(
    space: SearchSpace, checkpoints: Sequence[Checkpoint], known: Edges | None = None
) -> tuple[SearchSpace, dict[str, list[int]]]:
    """Return the space with its layer groups, and the edges of every `auto`.

    `checkpoints`: the base first. `known`: edges that a run has fixed; others are found in the
    weights, which are read once.
    """
    base, experts = checkpoints[0], checkpoints[1:]
    edges = auto_edges(space, base.layers, lambda: layer_profile(base, experts), known)
    return resolved(space, base.layers, edges), edges


def check_layer_groups(space: SearchSpace, layers: int) -> None:
    """Refuse more groups than layers, and edges that do not end at the last. RecipeError."""
    most = {place.site: place.most for place in space.places}
    for dimension in space.dimensions:
        groups = dimension.range.layer_groups
        own = most.get(slice_of(dimension.site) or (), layers)
        if isinstance(groups, tuple) and groups[-1] != own:
            raise RecipeError(
                f"{space.file}: {dimension.name}: the last of layer_groups' edges is {groups[-1]} "
                f"and the model has {own} layers; end the list with {own}"
            )
        if isinstance(groups, int) and groups > own:
            raise RecipeError(
                f"{space.file}: {dimension.name}: {groups} layer groups for {own} layers; give "
                f"at most {own}"
            )
