"""Points of a space as numbers between 0 and 1, in steps that four decimals hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimerge.space.ranges import Dimension, Param
from optimerge.space.space import SearchSpace

METHOD = "merge_method"
DECIMALS = 4

Unit = NDArray[np.float64]
"""One number a dimension, 0 at its low end and 1 at its high one; NaN where it does not apply."""


@dataclass(frozen=True)
class Coordinates:
    """Turns params into numbers and back; a method is its place among the methods."""

    space: SearchSpace

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """All but the method."""
        return tuple(d for d in self.space.dimensions if d.name != METHOD)

    @cached_property
    def low(self) -> Unit:
        """The low ends."""
        return np.array([d.range.low for d in self.dimensions], dtype=float)

    @cached_property
    def span(self) -> Unit:
        """High ends less low ends."""
        return np.array([d.range.high for d in self.dimensions], dtype=float) - self.low

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of the space, in its order."""
        return self.space.methods

    def active(self, method: int) -> NDArray[np.bool_]:
        """Return which dimensions a method has."""
        return np.array([d.active(self.methods[method]) for d in self.dimensions])

    def params(self, unit: Unit, method: int = 0) -> dict[str, Param]:
        """Return the point at numbers (clipped to 0..1, rounded) as a sampler would propose it."""
        clipped = np.clip(np.nan_to_num(unit), 0.0, 1.0)
        values = (self.low + clipped * self.span).round(DECIMALS)
        active = self.active(method)
        point: dict[str, Param] = {}
        if len(self.methods) > 1:
            point[METHOD] = self.methods[method]
        for place, dimension in enumerate(self.dimensions):
            if active[place]:
                point[dimension.name] = float(values[place])
        return point

    def unit(self, params: Mapping[str, Param]) -> Unit:
        """Return a point as numbers; NaN where its method lacks a dimension."""
        values = [params.get(d.name, np.nan) for d in self.dimensions]
        return (np.array(values, dtype=float) - self.low) / self.span

    def method(self, params: Mapping[str, Param]) -> int:
        """Return the place of a point's method."""
        return self.methods.index(str(params.get(METHOD, self.methods[0])))

    def where(self, parameter: str, expert: str | None = None) -> NDArray[np.bool_]:
        """Return which dimensions are of a parameter (of one expert)."""
        return np.array(
            [
                str(d.site[-1]) == parameter and (expert is None or d.name.startswith(f"{expert}."))
                for d in self.dimensions
            ]
        )

    @property
    def experts(self) -> Sequence[str]:
        """The names of the experts."""
        return [str(model["model"]) for model in self.space.template["models"]]
