"""Points of a space by what they mean: numbers by parameter, weights by model."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from optimerge.methods.protocol import Number, Required
from optimerge.methods.registry import method_named
from optimerge.space.ranges import Dimension, Param, Range
from optimerge.space.space import SearchSpace

WEIGHT = "weight"


def point_near(
    space: SearchSpace,
    method: str,
    numbers: Mapping[str, Number],
    weights: Mapping[str, float],
    strict: Container[str] = (),
) -> dict[str, Param] | None:
    """Return the point of a method that comes nearest to some numbers; None if there is none.

    `numbers`: by parameter; others have their defaults. `weights`: by model, over the weight among
    the numbers; models that are in neither have 0. Where a range is a grid the nearest point of it
    is taken; where it does not reach to a number, its nearest end, but None for the parameters
    that are `strict`. None also where a parameter has no default, and if layers are searched.
    """
    if space.moves_layers:
        return None
    point: dict[str, Param] = {}
    for dimension in space.active(method):
        if dimension.name == "merge_method":
            point[dimension.name] = method
            continue
        name = parameter_name(dimension)
        parameter = method_named(method).parameter(name)
        assert parameter is not None
        value: Number | Required = numbers.get(name, parameter.default)
        if name == WEIGHT and weights:
            value = weights.get(model_of(space, dimension) or "", 0.0)
        if isinstance(value, Required) or value is None:
            return None
        found = nearest(dimension, value)
        if name in strict and found is not None and not _reaches(dimension.range, value):
            return None
        if found is None:
            return None
        point[dimension.name] = found
    return point


def nearest(dimension: Dimension, value: float | bool) -> Param | None:
    """Return the value of a dimension that comes nearest to a number; None among names."""
    found = dimension.range
    if found.choices is not None:
        return _nearest_choice(found.choices, value)
    assert found.low is not None
    assert found.high is not None
    inside = min(max(float(value), found.low), found.high)
    if dimension.kind == "integer":
        step = int(found.step or 1)
        count = int((found.high - found.low) // step)
        return int(found.low) + step * min(count, round((inside - found.low) / step))
    if found.step is not None:
        return found.on_step(round((inside - found.low) / found.step))
    return inside


def _nearest_choice(choices: Sequence[Param], value: float | bool) -> Param | None:
    if isinstance(value, bool):
        return value if value in [c for c in choices if isinstance(c, bool)] else choices[0]
    numbers = [c for c in choices if isinstance(c, int | float) and not isinstance(c, bool)]
    return min(numbers, key=lambda c: abs(c - value), default=None)


def _reaches(found: Range, value: float | bool) -> bool:
    """Whether a number lies inside a range, be it between two values of its grid."""
    if found.choices is not None:
        numbers = [c for c in found.choices if isinstance(c, int | float)]
        return bool(numbers) and min(numbers) <= value <= max(numbers)
    assert found.low is not None
    assert found.high is not None
    return found.low <= value <= found.high


def parameter_name(dimension: Dimension) -> str:
    """Return the name of the parameter that a dimension belongs to."""
    return str(dimension.site[dimension.site.index("parameters") + 1])


def model_of(space: SearchSpace, dimension: Dimension) -> str | None:
    """Return the model that a dimension's parameter belongs to, None for shared ones."""
    place: Any = space.template
    for key in dimension.site[: dimension.site.index("parameters")]:
        place = place[key]
    found = place.get("model")
    return found if isinstance(found, str) else None


def fixed_values(space: SearchSpace, name: str) -> list[tuple[str | None, Any]]:
    """Return (model, value) wherever the space gives a parameter as it is, without a range."""
    found: list[tuple[str | None, Any]] = []

    def look(data: Any, site: tuple[str | int, ...], model: str | None) -> None:
        if isinstance(data, dict):
            model = data["model"] if isinstance(data.get("model"), str) else model
            own = data.get("parameters")
            here = (*site, "parameters", name)
            searched = any(s[: len(here)] == here for s in space.ranges)
            if isinstance(own, dict) and name in own and not searched:
                found.append((model, own[name]))
            for key, part in data.items():
                look(part, (*site, key), model)
        elif isinstance(data, list):
            for n, part in enumerate(data):
                look(part, (*site, n), model)

    look(space.template, (), None)
    return found
