"""Reads search spaces: pulls the ranges out, checks what is left as a recipe."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from optimerge.errors import RecipeError, did_you_mean
from optimerge.methods.protocol import MergeMethod
from optimerge.recipe.check import check_recipe, method_of
from optimerge.recipe.read import read_yaml, validate
from optimerge.recipe.schema import Recipe
from optimerge.space.check_slices import check_range, check_structure
from optimerge.space.dimensions import dimensions
from optimerge.space.granularity import check_groups, each_in_slices
from optimerge.space.layer_map import LayerMap
from optimerge.space.objectives import TaskObjective
from optimerge.space.ranges import Range, is_range
from optimerge.space.report import check_report_names, reported
from optimerge.space.schema import BLOCKS, Blocks
from optimerge.space.slices import Site, is_structure, longest, path_text
from optimerge.space.space import SearchSpace


def read_space(path: str | Path) -> SearchSpace:
    """Read and check a search-space file; RecipeError, in one sentence, if it means nothing.

    What it returns says what would be searched: `dimensions`, `methods`, `objectives`, `search`.
    """
    return make_space(read_yaml(Path(path)), Path(path))


def make_space(data: dict[str, Any], path: Path) -> SearchSpace:
    """Check a search space given as plain data; `path` names it and anchors relative paths."""
    file = str(path)
    template = deepcopy({k: v for k, v in data.items() if k not in BLOCKS})
    _known_keys(template, file)  # first: a misspelt block is not called missing
    blocks = validate(Blocks, {k: data[k] for k in BLOCKS if k in data}, file)
    if blocks.layer_map:
        _lay_out(template, blocks.layer_map, file)
    ranges = dict(_take_ranges(template, (), file))
    methods = _methods(template, ranges, file)
    check_structure(template, ranges, file)
    check_groups(template, ranges, file)
    space = SearchSpace(
        file=path,
        data=data,
        template=template,
        ranges=ranges,
        methods=tuple(m.name for m in methods),
        dimensions=(),
        objectives=tuple(
            spec.with_defaults(blocks.tasks) if isinstance(spec, TaskObjective) else spec
            for spec in blocks.objectives
        ),
        include_path=(path.parent / blocks.include_path) if blocks.include_path else None,
        search=blocks.search,
        layer_map=blocks.layer_map,
        report=reported(blocks.report, blocks.tasks, file),
    )
    _check_objectives(space, file)
    for method in methods:
        check_recipe(space._assemble(template, method.name), file)
    ranges = each_in_slices(ranges, space.places)
    found = tuple(dimensions(template, ranges, space.methods, file))
    whole = replace(space, ranges=ranges, dimensions=found)
    for method in methods:
        for point in whole.corners(method.name):
            check_recipe(whole.with_values(point, layers=1), file)
    return whole


def _check_objectives(space: SearchSpace, file: str) -> None:
    names = space.objective_names
    if twice := [n for n in names if names.count(n) > 1]:
        raise RecipeError(f"{file}: objectives: two are called {twice[0]!r}; give one a `name:`")
    check_report_names(space.report, names, file)
    if not space.optimized:
        raise RecipeError(
            f"{file}: objectives: all have `optimize: false`, so there is nothing to search for; "
            "take it out of one"
        )


def _lay_out(template: dict[str, Any], layer_map: LayerMap, file: str) -> None:
    """Put the map's slices into the recipe."""
    for key in ("models", "slices", "modules", "base_model"):
        if key in template:
            raise RecipeError(f"{file}: layer_map names the models and layers; leave out {key}")
    if template.setdefault("merge_method", "passthrough") != "passthrough":
        raise RecipeError(f"{file}: a layer_map is merged by passthrough; leave out merge_method")
    template["slices"] = layer_map.slices()


def _known_keys(template: dict[str, Any], file: str) -> None:
    known = [*Recipe.model_fields, *BLOCKS]
    for key in template:
        if key not in known:
            hint = did_you_mean(key, known) or f"; known: {', '.join(known)}"
            raise RecipeError(f"{file}: unknown key {key!r}{hint}")


def _take_ranges(data: Any, site: Site, file: str) -> Iterator[tuple[Site, Range]]:
    """Yield every range and leave one of its values in its place."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, part in list(items):
        here = (*site, key)
        if is_range(part):
            where = f"{file}: {path_text(here)}"
            structure = is_structure(here)
            if here != ("merge_method",) and "parameters" not in site and not structure:
                raise RecipeError(
                    f"{where}: a range may stand for a parameter, for merge_method, and in slices "
                    "for a bound of layer_range, a model or use"
                )
            found = validate(Range, part, where)
            if structure:
                check_range(here, found, where)
            spread = found.layer_groups or found.filters
            if spread and not structure and site[-1:] != ("parameters",):
                raise RecipeError(
                    f"{where}: layer_groups and filters belong to a parameter's own range, "
                    "not to one inside a gradient or a filtered value"
                )
            data[key] = longest(here, found) if structure else found.ends[0]
            yield here, found
        elif isinstance(part, dict | list):
            yield from _take_ranges(part, here, file)


def _methods(template: dict[str, Any], ranges: dict[Site, Range], file: str) -> list[MergeMethod]:
    given = ranges.get(("merge_method",))
    if given is not None and given.choices is None:
        raise RecipeError(f"{file}: merge_method: give one name, or {{choices: [name, ...]}}")
    names = given.choices if given and given.choices else (template.get("merge_method"),)
    if names == (None,):
        raise RecipeError(f"{file}: the key 'merge_method' is missing")
    found = []
    for name in names:
        probe = Recipe.model_construct(merge_method=str(name))
        found.append(method_of(probe, file))
    return found
