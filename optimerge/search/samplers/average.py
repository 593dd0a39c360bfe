"""The plain average of the experts, dimension by dimension: where `cmaes` starts."""

from optimerge.methods.protocol import Required
from optimerge.methods.registry import method_named
from optimerge.search.start.points import parameter_name
from optimerge.space.ranges import Dimension, Param
from optimerge.space.space import SearchSpace


def average(space: SearchSpace) -> dict[str, Param]:
    """Return the values of the average on the dimensions where it has one, by name.

    The nearest of the range. No value for names, for bounds of layers, and for what has no
    default.
    """
    found = {d.name: _value(space, d) for d in space.dimensions if "parameters" in d.site}
    return {name: value for name, value in found.items() if value is not None}


def _value(space: SearchSpace, dimension: Dimension) -> float | bool | None:
    name, r = parameter_name(dimension), dimension.range
    owners = [method_named(m).parameter(name) for m in space.methods if dimension.active(m)]
    experts = [m for m in space.references if m != space.any_recipe.base_model]
    wanted = {"weight": 1 / max(len(experts), 1), "density": 1.0, "lambda": 1.0, "t": 0.5}
    value = wanted.get(name, next(found.default for found in owners if found))
    if isinstance(value, Required) or value is None:
        return None
    if r.choices is not None:
        return value if value in r.choices else None
    assert r.low is not None
    assert r.high is not None
    return min(max(value, r.low), r.high)
