"""Points of a search space: which are equal, how many there are, all of them, one near another."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from random import Random

from optimerge.space.ranges import Dimension, Param
from optimerge.space.space import SearchSpace

METHOD = "merge_method"
Key = tuple[tuple[str, Param], ...]


def key_of(space: SearchSpace, point: Mapping[str, Param]) -> Key:
    """Return what equal points have in common.

    Values on a grid count by their place: 0.1 + 2 * 0.1 is not 0.3, yet it is the third value.
    """
    grids = {d.name: (d.range.low or 0.0, d.range.step) for d in space.dimensions if d.range.step}
    found = dict(point)
    for name, (low, step) in grids.items():
        if name in found:
            found[name] = round((float(found[name]) - low) / step)
    return tuple(sorted(found.items()))


def size(space: SearchSpace) -> float:
    """Return how many points a space has; infinity if a range is continuous."""
    return sum(_size(space, method) for method in space.methods)


def points(space: SearchSpace) -> Iterator[dict[str, Param]]:
    """Yield every point of the methods whose points can be counted, method by method."""
    for method in space.methods:
        own = _own(space, method)
        if math.isfinite(_size(space, method)):
            for chosen in product(*(values(dimension) or () for dimension in own)):
                names = (dimension.name for dimension in own)
                yield _start(space, method) | dict(zip(names, chosen, strict=True))


def random_point(space: SearchSpace, rng: Random) -> dict[str, Param]:
    """Return a uniform point of one of the methods that have most points."""
    sizes = {method: _size(space, method) for method in space.methods}
    method = rng.choice([m for m in space.methods if sizes[m] == max(sizes.values())])
    own = {d.name: _at(d, rng.random()) for d in _own(space, method)}
    return _start(space, method) | own


def moved(
    space: SearchSpace, point: Mapping[str, Param], rng: Random, count: int, reach: float
) -> dict[str, Param]:
    """Return a point of the same method, another one in up to `count` dimensions.

    On a scale or a grid it is about `reach` of the range away, or a step; among choices another.
    """
    free = [d for d in _own(space, _method(space, point)) if len(values(d) or (0, 1)) > 1]
    found = dict(point)
    for dimension in rng.sample(free, min(count, len(free))):
        value, known = point[dimension.name], values(dimension)
        if dimension.range.choices is not None:
            found[dimension.name] = rng.choice([v for v in known or () if v != value])
            continue
        by = rng.gauss(0, 1) * reach
        if known is None:
            unit = (_unit(dimension, float(value)) + by) % 2
            found[dimension.name] = _at(dimension, min(unit, 2 - unit))  # mirrored at the ends
        else:
            place = _nearest(known, float(value))
            target = place + math.copysign(max(abs(by) * len(known), 1), by)
            others = (k for k in range(len(known)) if k != place)
            found[dimension.name] = known[min(others, key=lambda k: abs(k - target))]
    return found


def values(dimension: Dimension) -> Sequence[Param] | None:
    """Return the values of a dimension, in order; None if it is continuous."""
    r = dimension.range
    if r.choices is not None:
        return r.choices
    low, high = _ends(dimension)
    if dimension.kind == "integer":
        return range(int(low), int(high) + 1, int(r.step or 1))
    if low == high:
        return (low,)
    if r.step is None:
        return None
    return [r.on_step(k) for k in range(round((r.last - low) / r.step) + 1)]


def _size(space: SearchSpace, method: str) -> float:
    found = [values(dimension) for dimension in _own(space, method)]
    # Numbers, not integers: too many points to count are infinitely many.
    return math.inf if None in found else math.prod(float(len(v)) for v in found if v is not None)


def _own(space: SearchSpace, method: str) -> list[Dimension]:
    return [d for d in space.active(method) if d.name != METHOD]


def _start(space: SearchSpace, method: str) -> dict[str, Param]:
    return {METHOD: method} if any(d.name == METHOD for d in space.dimensions) else {}


def _method(space: SearchSpace, point: Mapping[str, Param]) -> str:
    return str(point.get(METHOD, space.methods[0]))


def _ends(dimension: Dimension) -> tuple[float, float]:
    low, high = dimension.range.low, dimension.range.high
    assert low is not None
    assert high is not None
    return low, high


def _at(dimension: Dimension, unit: float) -> Param:
    known = values(dimension)
    if known is not None:
        return known[min(int(unit * len(known)), len(known) - 1)]
    low, high = _ends(dimension)
    if dimension.range.log:
        found = math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
    else:
        found = low + unit * (high - low)
    return min(max(found, low), high)


def _nearest(known: Sequence[Param], value: float) -> int:
    return min(range(len(known)), key=lambda k: abs(float(known[k]) - value))


def _unit(dimension: Dimension, value: float) -> float:
    low, high = _ends(dimension)
    if dimension.range.log:
        return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    return (value - low) / (high - low)
