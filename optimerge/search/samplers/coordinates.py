"""Points of a mixed space as vectors that may lie anywhere, for CMA-ES."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimerge.search.samplers.units import from_unit, to_unit

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Vector = NDArray[np.float64]
_CHOSEN, _OTHER = 0.75, 0.25


class Coordinates:
    """One coordinate a number, mirrored at 0 and 1; of three choices or more, one each.

    Of those the greatest is chosen: an order of names would mean nothing. Mirroring, where
    mergekit-evolve clamps: half of all densities drawn about 1 would be the very same point.
    """

    def __init__(self, space: "Mapping[str, BaseDistribution]") -> None:
        self._space = space
        self._parts: dict[str, slice] = {}
        used = 0
        for name, each in space.items():
            count = len(getattr(each, "choices", ()))
            width = count if count > 2 else 1
            self._parts[name] = slice(used, used + width)
            used += width
        self.count = used
        """How many coordinates there are."""

    def point(self, vector: Vector) -> dict[str, Any]:
        """Return the value of every parameter."""
        folded = 1 - np.abs(1 - vector % 2)
        found = {}
        for name, part in self._parts.items():
            own = folded[part]
            unit = float(own[0]) if len(own) == 1 else (int(own.argmax()) + 0.5) / len(own)
            found[name] = from_unit(self._space[name], unit)
        return found

    def moved(self, vector: Vector, params: Mapping[str, Any]) -> Vector:
        """Return the vector, changed where it does not give the value of a parameter."""
        moved, given = vector.copy(), self.point(vector)
        for name, part in self._parts.items():
            each = self._space[name]
            if name not in params or params[name] == given[name]:
                continue
            if not each._contains(each.to_internal_repr(params[name])):
                continue  # of another space, under the same name
            unit, width = to_unit(each, params[name]), part.stop - part.start
            moved[part] = unit
            if width > 1:
                moved[part] = _OTHER
                moved[part.start + int(unit * width)] = _CHOSEN
        return moved

    def start(self, params: Mapping[str, Any]) -> Vector:
        """Return the vector of some values, in the middle for the other parameters."""
        return self.moved(np.full(self.count, 0.5), params)
