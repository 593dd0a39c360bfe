"""Slices of a search space: which layers and which model may be ranges, and what comes of them.

In a slice of a space may stand

    layer_range: [0, {low: 12, high: 20}]     # either bound; choices too. In a source that is
                                              # alone, or beside `sources` for all of them
    model: {choices: [a, b]}                  # in a source
    use: {choices: [true, false]}             # beside `sources`: the slice is in or out

A slice that is not used, or whose start is not below its end, is left out of that candidate's
recipe. One slice at least must have a layer at every point, so every point is a model.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from optimerge.checkpoint.config import MOST_LAYERS
from optimerge.space.layer_map import joined
from optimerge.space.ranges import Range

Site = tuple[str | int, ...]
Ranges = Mapping[Site, Range]

RANGE, MODEL, USE, SOURCES = "layer_range", "model", "use", "sources"


@dataclass(frozen=True)
class Place:
    """What one slice of a space may be."""

    site: Site
    """Where in the recipe's data the slice stands."""
    start: tuple[int, int]
    """First layer: the least and the most that it may be."""
    end: tuple[int, int]
    models: tuple[tuple[str, ...], ...]
    """For each source, the models that it may take."""
    optional: bool
    """Whether it may be out."""

    @property
    def least(self) -> int:
        """Fewest layers that the slice may have."""
        return 0 if self.optional else max(0, self.end[0] - self.start[1])

    @property
    def most(self) -> int:
        """Most layers that the slice may have."""
        return max(0, self.end[1] - self.start[0])


def is_structure(site: Site) -> bool:
    """Whether a site is one of a slice's bounds, models or switches: what makes its shape."""
    part = slice_of(site)
    rest = site[len(part) :] if part else ()
    bound = len(rest) > 1 and rest[-2] == RANGE and rest[-1] in (0, 1)
    if rest[:1] == (SOURCES,):
        return (bound and len(rest) == 4) or (rest[-1] == MODEL and len(rest) == 3)
    return (bound and len(rest) == 2) or rest == (USE,)


def longest(site: Site, found: Range) -> Any:
    """Return the value of a range of a slice's that makes the slice longest."""
    if site[-1] == USE:
        return True
    if site[-1] == MODEL:
        return found.ends[0]
    return (min, max)[int(site[-1])](int(end) for end in found.ends)


def slice_of(site: Site) -> Site | None:
    """Return the site of the slice that a site lies in, None outside slices."""
    return site[: site.index("slices") + 2] if "slices" in site else None


def at(data: Any, site: Site) -> Any:
    """Return what stands at a site of a recipe's data."""
    for key in site:
        data = data[key]
    return data


def slice_sites(data: Mapping[str, Any]) -> Iterator[Site]:
    """Yield the site of every slice, in order; what is no list of mappings is passed over."""
    bodies: list[tuple[Site, Any]] = [((), data)]
    modules = data.get("modules")
    if isinstance(modules, dict):
        bodies += [(("modules", name), body) for name, body in modules.items()]
    for site, body in bodies:
        slices = body.get("slices") if isinstance(body, dict) else None
        for n, part in enumerate(slices if isinstance(slices, list) else []):
            sources = part.get(SOURCES) if isinstance(part, dict) else None
            if isinstance(sources, list) and sources and all(isinstance(s, dict) for s in sources):
                yield (*site, "slices", n)


def places(template: Mapping[str, Any], ranges: Ranges) -> list[Place]:
    """Return what every slice of a checked space may be, in order."""
    return [_place(template, ranges, site) for site in slice_sites(template)]


def _place(template: Mapping[str, Any], ranges: Ranges, site: Site) -> Place:
    part = at(template, site)
    home = site if RANGE in part else (*site, SOURCES, 0)
    given = at(template, home)[RANGE]
    start, end = (_ends(ranges.get((*home, RANGE, k)), given[k]) for k in (0, 1))
    models = []
    for n, source in enumerate(part[SOURCES]):
        searched = ranges.get((*site, SOURCES, n, MODEL))
        models.append(tuple(map(str, searched.ends)) if searched else (str(source[MODEL]),))
    return Place(site, start, end, tuple(models), (*site, USE) in ranges)


def _ends(searched: Range | None, value: Any) -> tuple[int, int]:
    numbers = [int(end) for end in searched.ends] if searched else [int(value)]
    return min(numbers), max(numbers)


def arranged(data: dict[str, Any], ranges: Ranges, *, join: bool = False) -> dict[str, Any]:
    """Return a point's data as a plain recipe: ranges in the sources, slices without layers out.

    Only slices with `ranges` may be left out. `join`: slices that go on where the one before
    ends become one. Changes `data`.
    """
    searched = {slice_of(site) for site in ranges if is_structure(site)}
    known, dropped = list(slice_sites(data)), set()
    for site in known:
        part = at(data, site)
        if RANGE in part:
            given = part.pop(RANGE)
            for source in part[SOURCES]:
                source[RANGE] = [int(bound) for bound in given]
        used = part.pop(USE, True)
        if site in searched and not (used and _has_layer(part)):
            dropped.add(site)
    for body in {site[:-1] for site in known}:
        whole = at(data, body)
        slices = [part for n, part in enumerate(whole) if (*body, n) not in dropped]
        whole[:] = joined(slices) if join else slices
    return data


def _has_layer(part: Mapping[str, Any]) -> bool:
    source = part[SOURCES][0]
    found = source.get(RANGE) if isinstance(source, dict) else None
    return found is None or not is_pair(found) or bool(found[0] < found[1])


def length(data: Mapping[str, Any], site: Site) -> int:
    """Return how many layers the slice at a site of a point's data has, 0 or more."""
    start, end = bounds(data, site)
    return max(0, end - start)


def bounds(data: Mapping[str, Any], site: Site) -> tuple[int, int]:
    """Return the first layer and the layer after the last of the slice at a site."""
    part = at(data, site)
    start, end = (part if RANGE in part else part[SOURCES][0])[RANGE]
    return int(start), int(end)


def is_pair(given: Any) -> bool:
    """Whether a value is [start, end], two layers."""
    return isinstance(given, list) and len(given) == 2 and all(map(is_layer, given))


def is_layer(value: Any) -> bool:
    """Whether a value is a whole number from 0, and one that a model may have."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value <= MOST_LAYERS and value == int(value)


def path_text(site: Site) -> str:
    """Return a key path as people write it: models[0].parameters.weight."""
    return "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in site).lstrip(".")
