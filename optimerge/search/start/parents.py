"""Points of the space that should be a parent as it is: the base, or an expert."""

from collections.abc import Iterator, Mapping

from optimerge.methods.protocol import Required
from optimerge.methods.registry import method_named
from optimerge.search.start.points import model_of, parameter_name
from optimerge.space.ranges import Dimension, Param
from optimerge.space.slices import Site
from optimerge.space.space import SearchSpace
from optimerge.space.whole import whole_model


def parent_points(space: SearchSpace, expert: str | None) -> Iterator[dict[str, Param]]:
    """Yield points that should give the expert (None: the base) unchanged, a method each.

    Weight 1 on the expert and 0 on the others, nothing dropped, nothing scaled. Whether a point
    does give the parent depends on the fixed numbers too: build it and compare.
    """
    for method in space.methods:
        wanted = {"weight": 0.0, "density": 1.0, "lambda": 1.0, "t": 1.0 if expert else 0.0}
        point = _point(space, method, wanted, expert)
        if point is not None:
            yield point


def whole_model_points(space: SearchSpace, model: str, layers: int) -> Iterator[dict[str, Param]]:
    """Yield points of a layer map that should give one of its models unchanged, a method each.

    Slices are taken in order, each as far as it goes on with the model's next layer, else none
    of it. As with `parent_points`, build it and compare.
    """
    shape = whole_model(space, model, layers)
    if shape is None:
        return
    for method in space.methods:
        wanted = {"weight": 1.0, "density": 1.0, "lambda": 1.0, "t": 0.0, "scale": 1.0}
        point = _point(space, method, wanted, model, shape)
        if point is not None:
            yield point


def _point(
    space: SearchSpace,
    method: str,
    wanted: Mapping[str, float],
    expert: str | None,
    shape: Mapping[Site, Param] | None = None,
) -> dict[str, Param] | None:
    point: dict[str, Param] = {}
    for dimension in space.active(method):
        if dimension.name == "merge_method":
            point["merge_method"] = method
            continue
        if shape is not None and dimension.site in shape:
            point[dimension.name] = shape[dimension.site]
            continue
        parameter = method_named(method).parameter(parameter_name(dimension))
        assert parameter is not None
        value = wanted.get(parameter.name, parameter.default)
        if parameter.name == "weight" and expert and model_of(space, dimension) == expert:
            value = 1.0
        inside = None if isinstance(value, Required) or value is None else _inside(dimension, value)
        if inside is None:
            return None
        point[dimension.name] = inside
    return point


def _inside(dimension: Dimension, value: float | bool) -> Param | None:
    """Return the value as the range has it, None if it has not."""
    r = dimension.range
    if r.choices is not None:
        return next((choice for choice in r.choices if choice == value), None)
    assert r.low is not None
    if r.step is not None and dimension.kind != "integer":
        steps = (value - r.low) / r.step
        if abs(steps - round(steps)) > 1e-9 or not -1e-9 < steps < (r.last - r.low) / r.step + 1e-9:
            return None
        return r.on_step(round(steps))
    if r.step is not None and (value - r.low) % r.step:
        return None
    return value if r.low <= value <= r.last else None
