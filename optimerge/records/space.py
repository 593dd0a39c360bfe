"""The search space that a run is of, from what the run itself keeps."""

from pathlib import Path

from optimerge.recipe.read import parse_yaml
from optimerge.records.run import RunInfo
from optimerge.space.read import make_space
from optimerge.space.resolve import resolved
from optimerge.space.space import SearchSpace


def space_of(info: RunInfo) -> SearchSpace:
    """Return the space with its layer groups; no model is opened, and its file not read.

    RecipeError if what the run keeps is no search space.
    """
    space = make_space(parse_yaml(info.space, info.space_file), Path(info.space_file))
    return resolved(space, info.layers, info.layer_groups)
