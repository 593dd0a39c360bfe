"""Reads search spaces: pulls the ranges out, checks what is left as a recipe."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from optimerge.errors import RecipeError, did_you_mean
from optimerge.methods.protocol import Kind, MergeMethod, Parameter
from optimerge.recipe.check import check_recipe, method_of
from optimerge.recipe.read import read_yaml, validate
from optimerge.recipe.schema import Recipe
from optimerge.recipe.values import coerce
from optimerge.space.check_slices import check_range, check_structure
from optimerge.space.labels import labels_of, slice_label
from optimerge.space.layer_map import LayerMap
from optimerge.space.objectives import TaskObjective
from optimerge.space.ranges import Dimension, Range, is_range
from optimerge.space.schema import BLOCKS, Blocks
from optimerge.space.slices import (
    Site,
    bounds,
    is_structure,
    longest,
    path_text,
    slice_of,
)
from optimerge.space.space import SearchSpace


def read_space(path: Path) -> SearchSpace:
    """Read and check a search-space file."""
    return make_space(read_yaml(path), path)


def make_space(data: dict[str, Any], path: Path) -> SearchSpace:
    """Check a search space given as plain data; `path` names it and anchors relative paths."""
    file = str(path)
    blocks = validate(Blocks, {k: data[k] for k in BLOCKS if k in data}, file)
    template = deepcopy({k: v for k, v in data.items() if k not in BLOCKS})
    _known_keys(template, file)
    if blocks.layer_map:
        _lay_out(template, blocks.layer_map, file)
    ranges = dict(_take_ranges(template, (), file))
    methods = _methods(template, ranges, file)
    check_structure(template, ranges, file)
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
    )
    names = space.objective_names
    if twice := [n for n in names if names.count(n) > 1]:
        raise RecipeError(f"{file}: objectives: two are called {twice[0]!r}; give one a `name:`")
    if not space.optimized:
        raise RecipeError(
            f"{file}: objectives: all have `optimize: false`, so there is nothing to search for; "
            "take it out of one"
        )
    for method in methods:
        check_recipe(space._assemble(template, method.name), file)
    whole = replace(space, dimensions=tuple(_dimensions(template, ranges, methods, file)))
    for method in methods:
        for point in whole.corners(method.name):
            check_recipe(whole.recipe(point, layers=1), file)
    return whole


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
            found = _range(part, where)
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


def _range(data: dict[str, Any], where: str) -> Range:
    return validate(Range, data, where)


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


def _dimensions(
    template: dict[str, Any], ranges: dict[Site, Range], methods: list[MergeMethod], file: str
) -> Iterator[Dimension]:
    labels = labels_of(template, ranges)
    for site, found in ranges.items():
        if site == ("merge_method",):
            yield Dimension(name="merge_method", site=site, range=found, kind=None)
            continue
        if is_structure(site):
            name, kind = _structure_name(labels, template, site, ranges)
            yield Dimension(name=name, site=site, range=found, kind=kind)
            continue
        name = str(site[site.index("parameters") + 1])
        owners = {m.name: p for m in methods if (p := m.parameter(name))}
        _check_ends(found, owners, f"{file}: {path_text(site)}")
        for group, part in found.parts:
            yield Dimension(
                name=_name(labels, site, group, part, found),
                site=site,
                range=found,
                kind=next(iter(owners.values())).kind,
                group=group,
                filter=part,
                methods=frozenset(owners),
            )


def _structure_name(
    labels: dict[Site, str], template: dict[str, Any], site: Site, ranges: dict[Site, Range]
) -> tuple[str, Kind | None]:
    """Return what a bound, model or switch of a slice is called, and its kind."""
    part = slice_of(site) or ()
    owner = labels.get((*part, "sources", 0), "")
    alone = (*part, "sources", 1) not in labels
    searched = (*part, "sources", 0, "model") in ranges
    if not alone or searched:
        owner = slice_label(site)
    if site[-1] == "use":
        start, end = bounds(template, part)
        fixed = not any(is_structure(s) and s != site and slice_of(s) == part for s in ranges)
        return (f"{owner}[{start}:{end}]" if fixed else f"{owner}.use"), "boolean"
    if site[-1] == "model":
        return f"{owner if alone else labels[site[:-1]]}.model", None
    return f"{owner}.{('start', 'end')[int(site[-1])]}", "integer"


def _check_ends(found: Range, owners: dict[str, Parameter], where: str) -> None:
    for parameter in owners.values():
        for end in found.ends:
            coerce(end, parameter, where)


def _name(
    labels: dict[Site, str], site: Site, group: int | None, part: str | None, found: Range
) -> str:
    at = site.index("parameters")
    owner = labels.get(site[:at], "")
    inner = "".join(f"[{key}]" for key in site[at + 2 :] if key != "value")
    bits = []
    if group is not None:
        bits.append(f"layers {group + 1}/{found.layer_groups}")
    if found.filters:
        bits.append(part or "rest")
    tail = f"[{', '.join(bits)}]" if bits else ""
    return f"{owner}.{site[at + 1]}{inner}{tail}".lstrip(".")
