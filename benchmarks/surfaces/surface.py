"""What a search benchmark searches: a space, its parents, and one measuring of a point."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from optimerge.records.types import Direction
from optimerge.space.ranges import Param
from optimerge.space.space import SearchSpace


class Measured(NamedTuple):
    """What one point is worth, in the objectives' own units (accuracies and shares: 0 to 1)."""

    values: dict[str, float]
    """What the search sees: objective -> value on the search items, noisy."""
    stderr: dict[str, float | None]
    """Objective -> standard error; 0.0 for exact ones such as sparsity."""
    test: dict[str, float]
    """Objective -> value on the test items: what counts."""


class Surface(Protocol):
    """A problem for samplers. `measure` is a function: the same params, the same result."""

    @property
    def name(self) -> str:
        """Its name in tables."""
        ...

    @property
    def space(self) -> SearchSpace:
        """The space, made from YAML text."""
        ...

    @property
    def objectives(self) -> Mapping[str, Direction]:
        """Objective -> direction, in the space's order."""
        ...

    @property
    def parents(self) -> Mapping[str, Measured]:
        """`base`, `expert:NAME`: reference point and scales come from these."""
        ...

    @property
    def parent_points(self) -> Mapping[str, dict[str, Param]]:
        """The points that give a parent as it is, by the parent's name; only those there are."""
        ...

    def measure(self, params: Mapping[str, Param]) -> Measured:
        """Measure one point of the space."""
        ...
