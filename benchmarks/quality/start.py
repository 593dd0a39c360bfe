"""The shared start: the parents' scores, and the product's own first points."""

from collections.abc import Iterator, Mapping

import numpy as np
from scipy.stats import qmc

from benchmarks.surfaces.surface import Surface
from optimerge.search.proposals import keyed_seed
from optimerge.search.warm_start import average_points, parameter_name
from optimerge.space.ranges import Dimension, Param
from optimerge.space.space import SearchSpace

POINTS = 10
"""How many merges a shared start has."""
SCALES = (0.3, 0.6, 1.0)
"""Isotropic: every expert's weight."""


def start_points(surface: Surface, seed: int) -> list[dict[str, Param]]:
    """Return the first points of a search: designed ones, then scrambled Sobol; no parent."""
    known = [_key(point) for point in surface.parent_points.values()]
    found: dict[str, dict[str, Param]] = {}
    for point in (*_designed(surface.space), *_sobol(surface.space, seed)):
        if len(found) < POINTS and _key(point) not in known:
            found.setdefault(_key(point), point)
    return list(found.values())


def _key(point: Mapping[str, Param]) -> str:
    return repr(sorted(point.items()))


def _designed(space: SearchSpace) -> Iterator[dict[str, Param]]:
    experts = len(space.template["models"])
    averages = list(average_points(space, experts))
    yield from averages
    for scale in SCALES:
        for point in averages[:1]:
            weights = [d for d in _of(space, point) if _is_weight(d)]
            yield point | {d.name: _inside(d, scale) for d in weights}
    for expert in range(experts):
        for point in averages[:1]:
            weights = [d for d in _of(space, point) if _is_weight(d)]
            yield point | {d.name: _inside(d, float(d.site[1] == expert)) for d in weights}


def _of(space: SearchSpace, point: Mapping[str, Param]) -> list[Dimension]:
    return space.active(str(point.get("merge_method", space.methods[0])))


def _is_weight(dimension: Dimension) -> bool:
    return dimension.name != "merge_method" and parameter_name(dimension) == "weight"


def _inside(dimension: Dimension, value: float) -> float:
    return float(np.clip(value, dimension.range.low, dimension.range.high))


def _sobol(space: SearchSpace, seed: int) -> Iterator[dict[str, Param]]:
    """Yield scrambled Sobol points; names take turns along a coordinate of their own."""
    stream = np.random.default_rng(keyed_seed(seed, 0))
    points = qmc.Sobol(len(space.dimensions), scramble=True, rng=stream).random(16)
    for row in points:
        unit = dict(zip((d.name for d in space.dimensions), row.tolist(), strict=True))
        method = space.methods[int(unit.get("merge_method", 0.0) * len(space.methods))]
        yield {d.name: _at(d, unit[d.name], method) for d in space.active(method)}


def _at(dimension: Dimension, unit: float, method: str) -> Param:
    r = dimension.range
    if dimension.name == "merge_method":
        return method
    if r.choices is not None:
        return r.choices[int(unit * len(r.choices))]
    assert r.low is not None
    assert r.high is not None
    if r.log:
        return float(r.low * (r.high / r.low) ** unit)
    value = r.low + unit * (r.high - r.low)
    if r.step:
        value = r.low + r.step * round((value - r.low) / r.step)
    return round(value) if dimension.kind == "integer" else value
