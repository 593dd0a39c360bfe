"""Finds the point of a space that a recipe is: the way back from `SearchSpace.recipe`."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from optimerge.errors import RecipeError
from optimerge.methods.protocol import MergeMethod, Parameter, Required
from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Recipe
from optimerge.recipe.values import Scalar, Value, along, as_kind, interpolate
from optimerge.recipe.write import recipe_data
from optimerge.space.layer_groups import group_of_each
from optimerge.space.ranges import Dimension, Param
from optimerge.space.same import first_difference
from optimerge.space.slices import Site, length, path_text, slice_of
from optimerge.space.space import SearchSpace

FREE = ("optimerge", "out_dtype", "dtype")
"""Keys of a recipe that do not make it another point: how it was scored, and rounding."""
SAME = 1e-9
"""Values of layers in one group may differ by so much, relatively: it is rounding."""


def point_of(space: SearchSpace, recipe: Recipe, layers: int, file: str) -> dict[str, Param]:
    """Return the point whose recipe says the same; `layers` of the base model spread gradients.

    The recipe's models must be written as in the space. RecipeError, naming the first difference,
    if the space has no such point, and if its points differ in which layers they have.
    """
    refusal = f"{file}: is no point of {space.file}"
    if space.moves_layers:
        raise RecipeError(
            f"{file}: {space.file} searches which layers a model has, and no search of that kind "
            "starts from recipes; leave out search.warm_start.recipes"
        )
    if recipe.merge_method not in space.methods:
        raise RecipeError(
            f"{refusal}: merge_method is {recipe.merge_method}, none of {', '.join(space.methods)}"
        )
    method = method_named(recipe.merge_method)
    given = recipe_data(recipe)
    sites: dict[Site, list[Dimension]] = {}
    for dimension in space.active(method.name):
        sites.setdefault(dimension.site, []).append(dimension)
    point: dict[str, Param] = {}
    values: dict[Site, dict[str, Param]] = {}
    for site, dimensions in sites.items():
        if site == ("merge_method",):
            point["merge_method"] = method.name
            continue
        part = slice_of(site)
        own = length(given, part) if part and _at(given, part) else layers
        values[site] = _read(dimensions, given, method, max(1, own), refusal)
        point |= values[site]
    old = _rest(recipe_data(space.recipe(point, layers)), values, method)
    if found := first_difference(old, _rest(given, values, method)):
        raise RecipeError(f"{refusal}: {found}")
    return point


def _read(
    dimensions: Sequence[Dimension],
    given: Mapping[str, Any],
    method: MergeMethod,
    layers: int,
    refusal: str,
) -> dict[str, Param]:
    """Return the values of the dimensions of one range: one for each filter and layer group."""
    first = dimensions[0]
    site = first.site
    where = path_text(site)
    parameter = method.parameter(str(site[site.index("parameters") + 1]))
    assert parameter is not None
    plain = _at(given, site)
    if plain is None:
        if isinstance(parameter.default, Required) or parameter.default is None:
            raise RecipeError(f"{refusal}: {where} is not given")
        plain = parameter.default
    value = Value.model_validate(plain)
    filters = [case.filter for case in value.cases if case.filter not in (None, "*")]
    if filters and tuple(filters) != (first.range.filters or ()):
        wanted = f"{list(first.range.filters)}" if first.range.filters else "none"
        raise RecipeError(f"{refusal}: {where} has the filters {filters}, and the space {wanted}")
    return {
        dimension.name: _one(dimension, value, parameter, layers, f"{refusal}: {where}")
        for dimension in dimensions
    }


def _one(
    dimension: Dimension, value: Value, parameter: Parameter, layers: int, where: str
) -> Param:
    """Return the one number that a value is on a dimension's tensors and layers."""
    case = next((c for c in value.cases if c.matches(dimension.filter or "")), None)
    if case is None or case.value is None:
        raise RecipeError(f"{where} has no value for {dimension.name}")
    groups = group_of_each(dimension.range.layer_groups, layers)
    knots = [
        interpolate(case.value, along(layer, layers))
        for layer, group in enumerate(groups)
        if dimension.group is None or group == dimension.group
    ]
    read = [as_kind(k, parameter, where) for k in knots if k is not None]
    if not read or any(abs(k - read[0]) > SAME * max(1.0, abs(read[0])) for k in read):
        raise RecipeError(f"{where} is not one number on the layers of {dimension.name}")
    return _inside(dimension, read[0], where)


def _inside(dimension: Dimension, value: Scalar, where: str) -> Param:
    r = dimension.range
    if r.choices is not None:
        if value not in r.choices:
            raise RecipeError(f"{where} is {value}, none of {list(r.choices)}")
        return next(choice for choice in r.choices if choice == value)
    assert r.low is not None
    assert r.high is not None
    if not r.low <= float(value) <= r.high:
        raise RecipeError(f"{where} is {value}, outside of {dimension.text}")
    if r.step is not None:
        steps = (float(value) - r.low) / r.step
        if abs(steps - round(steps)) > 1e-6:
            raise RecipeError(f"{where} is {value}, between the steps of {dimension.text}")
        if dimension.kind != "integer":
            return r.on_step(round(steps))
    return int(value) if dimension.kind == "integer" else float(value)


def _at(data: Any, site: Site) -> Any:
    """Return what stands at a site, None if nothing does."""
    for key in site:
        if isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
        elif isinstance(data, dict):
            data = data.get(key)
        else:
            return None
    return data


def _rest(data: Mapping[str, Any], read: Mapping[Site, Any], method: MergeMethod) -> dict[str, Any]:
    """Return a recipe's data without what was read, what is free, and what is a default."""
    rest = deepcopy({key: value for key, value in data.items() if key not in FREE})
    for site in read:
        owner = _at(rest, site[:-1])
        if isinstance(owner, dict):
            owner.pop(site[-1], None)
        elif isinstance(owner, list) and isinstance(site[-1], int) and site[-1] < len(owner):
            owner[site[-1]] = None
    plain: dict[str, Any] = _without_defaults(rest, method)
    return plain


def _without_defaults(data: Any, method: MergeMethod) -> Any:
    if isinstance(data, list):
        return [_without_defaults(part, method) for part in data]
    if not isinstance(data, dict):
        return data
    found: dict[str, Any] = {"parameters": {}}  # everywhere: none and none but defaults are equal
    for key, part in data.items():
        if key == "parameters" and isinstance(part, dict):
            found[key] = {k: v for k, v in part.items() if not _is_default(method, k, v)}
        else:
            found[key] = _without_defaults(part, method)
    return found


def _is_default(method: MergeMethod, name: str, value: Any) -> bool:
    parameter = method.parameter(name)
    return parameter is not None and not parameter.required and value == parameter.default
