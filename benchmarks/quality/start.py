"""The shared start: the product's own first points."""

from collections.abc import Mapping

from benchmarks.surfaces.surface import Surface
from optimerge.search.start.design import design, experts_of
from optimerge.space.ranges import Param


def start_points(surface: Surface, seed: int, trials: int) -> list[Mapping[str, Param]]:
    """Return the points that a search of so many merges begins with; no parent among them.

    The product's budget counts parents too.
    """
    space = surface.space
    budget = trials + len(surface.parents)
    return [start.point for start in design(space, experts_of(space), budget, seed)]
