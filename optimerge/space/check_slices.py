"""Refuses slices of a search space whose ranges cannot be searched, before any model is opened."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from optimerge.errors import RecipeError
from optimerge.space.ranges import Range
from optimerge.space.slices import (
    MODEL,
    RANGE,
    SOURCES,
    USE,
    Ranges,
    Site,
    at,
    is_layer,
    is_pair,
    is_structure,
    path_text,
    places,
    slice_of,
    slice_sites,
)


def check_structure(template: Mapping[str, Any], ranges: Ranges, file: str) -> None:
    """Refuse slices whose ranges cannot be searched: RecipeError says which, and the remedy.

    What no recipe may say either is passed over: the check of recipes refuses it.
    """
    searched = {site: found for site, found in ranges.items() if is_structure(site)}
    sites = list(slice_sites(template))
    for site in sites:
        _check_slice(at(template, site), site, searched, f"{file}: {path_text(site)}")
    if not searched or not all(_whole_slice(at(template, site)) for site in sites):
        return
    found_places = places(template, ranges)
    for place in found_places:
        if place.most == 0:
            raise RecipeError(
                f"{file}: {path_text(place.site)}: holds no layer at any point: it starts at "
                f"{place.start[0]} or later and ends before {place.end[1]}; raise its end"
            )
    if all(place.least == 0 for place in found_places):
        raise RecipeError(
            f"{file}: slices: at some points no slice has a layer; let one slice keep at least "
            "one, its highest start below its lowest end"
        )
    if any(place.least < place.most for place in found_places):
        _check_layer_groups(ranges, file)


def check_range(site: Site, found: Range, where: str) -> None:
    """Refuse a range of a slice's that is none of layers, models or a switch."""
    if found.layer_groups or found.filters:
        raise RecipeError(f"{where}: layer_groups and filters belong to parameters")
    if site[-1] == MODEL:
        if found.choices is None or not all(isinstance(c, str) for c in found.choices):
            raise RecipeError(f"{where}: give one model, or {{choices: [MODEL, ...]}}")
    elif site[-1] == USE:
        if found.choices is None or not all(isinstance(c, bool) for c in found.choices):
            raise RecipeError(f"{where}: give {{choices: [true, false]}}")
    else:
        numbers = [*found.ends, *([found.step] if found.step else [])]
        if not all(is_layer(n) for n in numbers):
            raise RecipeError(f"{where}: a layer is a whole number from 0")
        if found.log:
            raise RecipeError(f"{where}: layers have no log scale; leave log out")
        low, high = (int(n) for n in (found.ends[0], found.ends[-1]))
        if found.step and (high - low) % int(found.step):
            top = high - (high - low) % int(found.step)
            raise RecipeError(
                f"{where}: steps of {found.step:g} from {low} do not meet {high}; give high {top}"
            )


def _check_slice(part: Mapping[str, Any], site: Site, searched: Ranges, where: str) -> None:
    own = [s for s in searched if s[: len(site) + 1] == (*site, SOURCES) and RANGE in s]
    sources = part[SOURCES]
    if own and len(sources) > 1:
        raise RecipeError(
            f"{where}: its sources need as many layers at every point; put one `layer_range:` "
            "beside `sources:`, which holds for all of them"
        )
    if USE in part and (*site, USE) not in searched:
        raise RecipeError(f"{where}.use: give {{choices: [true, false]}}, or leave it out")
    if RANGE in part:
        if any(isinstance(source, dict) and RANGE in source for source in sources):
            raise RecipeError(f"{where}: give layer_range beside sources, or in each, not both")
        if not is_pair(part[RANGE]):
            raise RecipeError(f"{where}.layer_range: give [start, end], the end exclusive")
    for one, two in combinations(range(len(sources)), 2):
        models = [_models(sources[n], searched.get((*site, SOURCES, n, MODEL))) for n in (one, two)]
        if both := models[0] & models[1]:
            raise RecipeError(
                f"{where}: {min(both)!r} may be two of its sources at once; give each model to "
                "one source"
            )


def _whole_slice(part: Mapping[str, Any]) -> bool:
    """Whether a slice has all that `places` reads."""
    sources = part[SOURCES]
    if not sources or not all(
        isinstance(s, dict) and isinstance(s.get(MODEL), str) for s in sources
    ):
        return False
    return all(is_pair(home.get(RANGE)) for home in ([part] if RANGE in part else sources))


def _models(source: Any, searched: Range | None) -> set[str]:
    if searched is not None:
        return set(map(str, searched.ends))
    given = source.get(MODEL) if isinstance(source, dict) else None
    return {given} if isinstance(given, str) else set()


def _check_layer_groups(ranges: Ranges, file: str) -> None:
    for site, found in ranges.items():
        if found.layer_groups and slice_of(site) is None:
            raise RecipeError(
                f"{file}: {path_text(site)}: layer_groups of a model whose number of layers is "
                "searched; put the parameter into the slices"
            )
