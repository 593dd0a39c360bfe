"""The search space that a run is of, from what the run itself keeps."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optimerge.recipe.read import parse_yaml
from optimerge.records.run import RunInfo
from optimerge.space.read import make_space
from optimerge.space.resolve import resolved
from optimerge.space.space import SearchSpace


def space_of(info: RunInfo, instead: Mapping[str, Any] | None = None) -> SearchSpace:
    """Return the space that a run was started with; its file is not read, no model opened.

    Relative paths in it are relative to where its file lay. `instead`: keys of the file's data
    that take the place of the run's. RecipeError if what the run keeps is no search space.
    """
    data = {**parse_yaml(info.space, info.space_file), **(instead or {})}
    return make_space(data, Path(info.space_file))


def whole_space_of(info: RunInfo) -> SearchSpace:
    """Return the space with its layer groups as the run's models decided them."""
    return resolved(space_of(info), info.layers, info.layer_groups)
