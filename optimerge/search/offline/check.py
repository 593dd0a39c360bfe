"""Checks all of a space that needs no models; OptimergeError for what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass

from optimerge.errors import RecipeError
from optimerge.objectives.in_space import in_space
from optimerge.objectives.loading import TaskLibrary
from optimerge.objectives.outline import Outlined, outlined
from optimerge.recipe.read import read_recipe
from optimerge.search.layers import refuse_with_moving_layers
from optimerge.search.models import check_base
from optimerge.search.named_parents import named_parents
from optimerge.search.offline.memory import Memory, estimated_memory
from optimerge.search.offline.sizes import Size, sizes_of
from optimerge.search.offline.work import estimated_seconds, read_files
from optimerge.search.samplers.chosen import chosen_sampler
from optimerge.search.start.recipes import placed, recipe_starts
from optimerge.space.labels import short_names
from optimerge.space.objectives import TaskObjective, objective_name
from optimerge.space.space import SearchSpace

ANY_DEPTH = 12
"""Layers that stand for a model's where no range has a value for each of some layers."""


@dataclass(frozen=True)
class Offline:
    """What is known of a search without its models."""

    sampler: str
    names: Mapping[str, str]
    """Short name of every model by reference."""
    sizes: Mapping[str, Size]
    tasks: Mapping[str, Outlined]
    """By objective, also of those that are only reported."""
    memory: Memory | None
    """None: a model's size is not known."""
    seconds: float | None
    """Of a candidate; None: a size or a number of documents is not known."""
    starts_unread: bool
    """Whether recipes to start from could not be held against the space: its layers are unknown."""


def check_offline(space: SearchSpace, *, allow_code: bool = False) -> Offline:
    """Check a space as far as files on this machine allow; OptimergeError for the first fault.

    Opens no network connection, and imports no torch unless code that the space names does.
    """
    sampler = chosen_sampler(space, allow_code=allow_code).name
    check_base(space)
    base = space.any_recipe.base_model
    if space.places and (space.moves_layers or not base):
        refuse_with_moving_layers(space)
    sizes = sizes_of(space)
    names = short_names(space.references)
    named_parents(space, space.measured, names, base)
    starts_unread = _check_starts(space, sizes)
    tasks = look_up_tasks(space, allow_code=allow_code)
    with in_space(space):
        texts = read_files(space.measured, space.folder)
    memory = estimated_memory(space, sizes)
    seconds = estimated_seconds(space, sizes, memory, tasks, texts)
    return Offline(sampler, names, sizes, tasks, memory, seconds, starts_unread)


def look_up_tasks(space: SearchSpace, *, allow_code: bool = False) -> Mapping[str, Outlined]:
    """Return what the tasks' YAML says, by objective; TaskError for a name or metric not there."""
    specs = [spec for spec in space.measured if isinstance(spec, TaskObjective)]
    if not specs:
        return {}
    with in_space(space):
        library = TaskLibrary(space.include_path, allow_code=allow_code)
        return {objective_name(spec): outlined(library, spec) for spec in specs}


def _check_starts(space: SearchSpace, sizes: Mapping[str, Size]) -> bool:
    """Read the recipes to start from; whether they could not be held against the space."""
    settings = space.search.warm_start
    recipes = settings.recipes if settings else ()
    if not recipes:
        return False
    first = next(iter(sizes.values()))
    by_layer = any(each.layer_groups for each in space.ranges.values())
    if space.open_ranges or (by_layer and first.layers is None):
        for name in recipes:
            file = space.folder / name
            if (method := read_recipe(file).merge_method) not in space.methods:
                raise RecipeError(
                    f"{file}: is no point of {space.file}: merge_method is {method}, none of "
                    f"{', '.join(space.methods)}"
                )
        return True
    places = {each: placed(each, {}, space.folder) for each in space.references}
    recipe_starts(space, places, first.layers or ANY_DEPTH)
    return False
