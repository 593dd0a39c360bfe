"""Spaces whose candidates have layers in other places than the base: layer maps."""

from collections.abc import Mapping, Sequence

from optimerge.checkpoint.folder import Checkpoint
from optimerge.errors import RecipeError
from optimerge.space.objectives import SparsityObjective
from optimerge.space.slices import path_text
from optimerge.space.space import SearchSpace


def is_layer_map(space: SearchSpace, checkpoints: Mapping[str, Checkpoint]) -> bool:
    """Whether candidates may have another number of layers than the base, or no base at all."""
    if not space.places:
        return False
    base = space.any_recipe.base_model
    if space.moves_layers or not base:
        return True
    return sum(place.most for place in space.places) != checkpoints[base].layers


def check_layer_map(space: SearchSpace, checkpoints: Mapping[str, Checkpoint]) -> None:
    """Refuse layers that a model has not, and what layer maps cannot have. RecipeError."""
    refuse_with_moving_layers(space)
    if space.layer_map:
        for model in space.layer_map.models:
            if checkpoints[model].layers != space.layer_map.layers:
                raise RecipeError(
                    f"{space.file}: layer_map.layers is {space.layer_map.layers}, and {model!r} "
                    f"has {checkpoints[model].layers} layers; write as many, or use slices"
                )
    for place in space.places:
        for model in (model for models in place.models for model in models):
            if place.end[1] > checkpoints[model].layers:
                raise RecipeError(
                    f"{space.file}: {path_text(place.site)}: layer_range goes to {place.end[1]}, "
                    f"past the {checkpoints[model].layers} layers of {model!r}; lower its end"
                )


def refuse_with_moving_layers(space: SearchSpace) -> None:
    """Refuse objectives and tokenizers that layers which change places cannot have. RecipeError."""
    if any(isinstance(spec, SparsityObjective) for spec in space.objectives):
        raise RecipeError(
            f"{space.file}: sparsity compares each tensor with the base's, and layers that change "
            "places have none to be compared with; leave the sparsity objective out"
        )
    if space.any_recipe.output_tokenizer is not None:
        raise RecipeError(
            f"{space.file}: a search over layers cannot change the vocabulary; leave out "
            "`tokenizer`, and use models of one vocabulary"
        )


def candidate_layers(space: SearchSpace) -> tuple[int, int]:
    """Return the fewest and the most layers of a candidate: at least 1."""
    least = sum(place.least for place in space.places)
    return max(1, least), sum(place.most for place in space.places)


def resident_layers(space: SearchSpace, parents: Sequence[Checkpoint]) -> tuple[int, int]:
    """Return the fewest and the most layers of what is scored: candidates and parents."""
    found = [*candidate_layers(space), *(parent.layers for parent in parents)]
    return min(found), max(found)
