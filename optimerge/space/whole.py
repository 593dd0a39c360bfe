"""Finds the point of a layer map that is one of its models, whole."""

from collections.abc import Sequence

from optimerge.space.ranges import Param, Range
from optimerge.space.slices import MODEL, RANGE, SOURCES, USE, Place, Site, at
from optimerge.space.space import SearchSpace

Shape = dict[Site, Param]


def whole_model(space: SearchSpace, model: str, layers: int) -> Shape | None:
    """Return bounds, models and switches that take the model's layers in order, by site.

    None if none are found: only slices of one source are looked at, each as far as it goes on
    from the one before, or left out.
    """
    shape: Shape = {}
    done = 0
    for place in space.places:
        if len(place.models) != 1:
            return None
        found = _going_on(space, place, model, done, layers) if done < layers else None
        part, done = found or (_left_out(space, place), done)
        if part is None:
            return None
        shape |= part
    return shape if done == layers else None


def _home(space: SearchSpace, place: Place) -> Site:
    own = RANGE in at(space.template, place.site)
    return (*place.site, RANGE) if own else (*place.site, SOURCES, 0, RANGE)


def _going_on(
    space: SearchSpace, place: Place, model: str, start: int, layers: int
) -> tuple[Shape, int] | None:
    home = _home(space, place)
    starts = _values(space.ranges.get((*home, 0)), place.start)
    ends = [e for e in _values(space.ranges.get((*home, 1)), place.end) if start < e <= layers]
    if model not in place.models[0] or start not in starts or not ends:
        return None
    wanted: Shape = {(*home, 0): start, (*home, 1): max(ends)}
    wanted |= {(*place.site, SOURCES, 0, MODEL): model, (*place.site, USE): True}
    return {site: value for site, value in wanted.items() if site in space.ranges}, max(ends)


def _left_out(space: SearchSpace, place: Place) -> Shape | None:
    if place.least > 0:
        return None
    home = _home(space, place)
    starts = _values(space.ranges.get((*home, 0)), place.start)
    ends = _values(space.ranges.get((*home, 1)), place.end)
    shape: Shape = {(*home, 0): max(starts), (*home, 1): min(ends), (*place.site, USE): False}
    shape[(*place.site, SOURCES, 0, MODEL)] = place.models[0][0]
    return {site: value for site, value in shape.items() if site in space.ranges}


def _values(found: Range | None, ends: tuple[int, int]) -> Sequence[int]:
    if found is None:
        return [ends[0]]
    if found.choices is not None:
        return [int(choice) for choice in found.choices]
    return range(ends[0], ends[1] + 1, int(found.step or 1))
