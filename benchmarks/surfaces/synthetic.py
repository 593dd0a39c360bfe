"""Surfaces that cost nothing: merge-like ones, and fronts of known shape.

The scores that the search sees are shares of right answers on 400 items (`items.py`); the test
values are the true shares. Sparsity is exact. `synthetic("merge6+3")` is merge6 of another seed.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.surfaces import known_fronts
from benchmarks.surfaces.items import generator, observed, standard_error
from benchmarks.surfaces.merge_like import CHANCE, FAMILIES, Constants, draw
from benchmarks.surfaces.surface import Measured
from optimerge.records.types import Direction
from optimerge.space.ranges import Param
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace

Array = NDArray[np.float64]

NONZERO = "nonzero"
HARM = MappingProxyType({"task_arithmetic": 1.0, "dare_ties": 0.75, "ties": 0.55})
"""How much of the harm that experts do to each other's tasks a method leaves."""
LEFT = MappingProxyType({"task_arithmetic": 0.0, "dare_ties": 0.3, "ties": 0.15})
"""Power of the density that an expert's strength falls with."""


@dataclass(frozen=True)
class Synthetic:
    """A surface by formula; `seed` draws its constants."""

    name: str
    space: SearchSpace
    objectives: Mapping[str, Direction]
    truth: "Truth"
    parent_points: Mapping[str, dict[str, Param]]
    """Of known fronts none: there the parents are no points of the space."""
    outside: Mapping[str, Mapping[str, float]]
    """True values of parents that are no points of the space."""

    def measure(self, params: Mapping[str, Param]) -> Measured:
        """Return the point's noisy and true values; the same params, the same result."""
        point = repr(sorted(params.items())).encode()
        return self._seen(dict(zip(self.objectives, self.truth(params), strict=True)), point)

    @cached_property
    def parents(self) -> dict[str, Measured]:
        """Base and experts."""
        points = {name: self.measure(point) for name, point in self.parent_points.items()}
        return points | {n: self._seen(dict(v), n.encode()) for n, v in self.outside.items()}

    def _seen(self, true: dict[str, float], point: bytes) -> Measured:
        values = {
            name: value if name == NONZERO else observed(value, self.name, name, point)
            for name, value in true.items()
        }
        stderr: dict[str, float | None] = {
            name: 0.0 if name == NONZERO else standard_error(value)
            for name, value in values.items()
        }
        return Measured(values, stderr, true)


Truth = Callable[[Mapping[str, Param]], tuple[float, ...]]


@dataclass(frozen=True)
class MergeLike:
    """A merge-like surface before its constants are drawn."""

    name: str
    family: str
    experts: int
    tasks: int
    groups: int = 1
    methods: tuple[str, ...] = ("task_arithmetic",)
    sparsity: bool = True
    high: float = 1.0
    seed: int = 0

    def build(self) -> Synthetic:
        """Draw the constants and make the surface."""
        stream = generator("surface", self.name.split("+")[0], self.seed)
        constants = draw(stream, self.tasks, self.experts, self.groups)
        objectives: dict[str, Direction] = {f"t{i}": "maximize" for i in range(self.tasks)}
        if self.sparsity:
            objectives[NONZERO] = "minimize"
        space = make_space(self._data(objectives), Path(f"{self.name}.yaml"))
        names = ["base", *(f"expert:e{i}" for i in range(self.experts))]
        points = {n: self._parent(space, i - 1) for i, n in enumerate(names)}
        return Synthetic(
            self.name, space, objectives, _MergeTruth(self, constants, space), points, {}
        )

    def _data(self, objectives: Mapping[str, Direction]) -> dict[str, Any]:
        parts = {"layer_groups": self.groups} if self.groups > 1 else {}
        expert = {"weight": {"low": 0.0, "high": self.high, **parts}}
        if self.methods != ("task_arithmetic",):
            expert["density"] = {"low": 0.05, "high": 1.0, **parts}
        single = len(self.methods) == 1
        return {
            "merge_method": self.methods[0] if single else {"choices": list(self.methods)},
            "base_model": "base",
            "models": [
                {"model": f"e{i}", "parameters": deepcopy(expert)} for i in range(self.experts)
            ],
            "parameters": {"normalize": False},
            "objectives": [
                {"sparsity": NONZERO} if name == NONZERO else {"task": name} for name in objectives
            ],
        }

    def _parent(self, space: SearchSpace, expert: int) -> dict[str, Param]:
        found: dict[str, Param] = {}
        for dimension in space.active(self.methods[0]):
            if dimension.name == "merge_method":
                found[dimension.name] = self.methods[0]
            elif dimension.site[-1] == "weight":
                found[dimension.name] = float(dimension.site[1] == expert)
            else:
                found[dimension.name] = 1.0
        return found


@dataclass(frozen=True)
class _MergeTruth:
    made: MergeLike
    constants: Constants
    space: SearchSpace

    def __call__(self, params: Mapping[str, Param]) -> tuple[float, ...]:
        method = str(params.get("merge_method", self.made.methods[0]))
        weights = np.zeros((self.made.experts, self.made.groups))
        densities = np.ones_like(weights)
        for dimension in self.space.active(method):
            if dimension.name != "merge_method":
                array = weights if dimension.site[-1] == "weight" else densities
                array[int(dimension.site[1]), dimension.group or 0] = params[dimension.name]
        return self.of(method, weights, densities)

    def of(self, method: str, weights: Array, densities: Array) -> tuple[float, ...]:
        """Return the true values for weights and densities [E, G]."""
        strengths = weights * densities ** LEFT[method]
        constants = replace(self.constants, hurt=self.constants.hurt * HARM[method])
        scores = FAMILIES[self.made.family](constants, strengths[None])[0]
        if method == "dare_ties":  # what random dropping adds is noise in the weights
            noise = (weights**2 * (1 - densities) / densities).sum(axis=0).mean()
            scores = CHANCE + (scores - CHANCE) * np.exp(-0.05 * noise)
        values = [float(v) for v in np.clip(scores, 0.0, 1.0)]
        if self.made.sparsity:
            untouched = np.where(weights > 0.005, 1 - densities, 1.0).prod(axis=0)
            values.append(float(1 - untouched.mean()))
        return tuple(values)


@dataclass(frozen=True)
class KnownFront:
    """A known front before its constants are drawn."""

    name: str
    scores: Callable[[known_fronts.Distance, Array], Array]
    experts: int
    groups: int
    along: int
    outside: tuple[tuple[float, ...], ...]
    seed: int = 0

    def build(self) -> Synthetic:
        """Draw the constants and make the surface."""
        stream = generator("surface", self.name.split("+")[0], self.seed)
        distance = known_fronts.Distance.drawn(stream, self.experts * self.groups, self.along)
        tasks = [f"t{i}" for i in range(len(self.outside[0]))]
        objectives: dict[str, Direction] = dict.fromkeys(tasks, "maximize")
        parts = {"layer_groups": self.groups} if self.groups > 1 else {}
        weight = {"weight": {"low": 0.0, "high": 1.0, **parts}}
        data = {
            "merge_method": "task_arithmetic",
            "base_model": "base",
            "models": [
                {"model": f"e{i}", "parameters": deepcopy(weight)} for i in range(self.experts)
            ],
            "objectives": [{"task": task} for task in tasks],
        }
        space = make_space(data, Path(f"{self.name}.yaml"))
        names = ["base", *(f"expert:e{i}" for i in range(len(self.outside) - 1))]
        outside = {
            n: dict(zip(tasks, v, strict=True)) for n, v in zip(names, self.outside, strict=True)
        }
        scores = self.scores

        def truth(params: Mapping[str, Param]) -> tuple[float, ...]:
            unit = np.array([[float(params[d.name]) for d in space.dimensions]])
            return tuple(float(v) for v in scores(distance, unit)[0])

        return Synthetic(self.name, space, objectives, truth, {}, outside)


_DARE = ("dare_ties",)
SYNTHETIC: Mapping[str, MergeLike | KnownFront] = MappingProxyType(
    {
        made.name: made
        for made in (
            MergeLike("merge2", "piecewise", 2, 2, sparsity=False, high=1.5),
            MergeLike("merge6", "exponential", 3, 3, methods=_DARE),
            MergeLike(
                "mixed7", "piecewise", 3, 3, methods=("task_arithmetic", "ties", "dare_ties")
            ),
            MergeLike("merge24", "rotated", 3, 2, groups=4, methods=_DARE),
            MergeLike("merge100", "staircase", 5, 3, groups=10, methods=_DARE, sparsity=False),
            KnownFront(
                "dtlz6",
                known_fronts.dtlz,
                experts=6,
                groups=1,
                along=2,
                outside=((0.3, 0.3, 0.3), (0.35, 0.9, 0.9), (0.9, 0.35, 0.9), (0.9, 0.9, 0.35)),
            ),
            KnownFront(
                "zdt24",
                known_fronts.zdt,
                experts=6,
                groups=4,
                along=1,
                outside=((0.3, 0.2), (0.95, 0.3), (0.25, 0.75)),
            ),
        )
    }
)
"""The synthetic surfaces of the protocol."""


def synthetic(name: str) -> Synthetic:
    """Return a surface by name, or by `name+seed` one of that kind with other constants."""
    kind, _, seed = name.partition("+")
    return replace(SYNTHETIC[kind], name=name, seed=int(seed or 0)).build()
