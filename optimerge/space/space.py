"""The search space: a recipe with ranges; a point of it is a recipe."""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from optimerge.errors import RecipeError
from optimerge.methods.registry import method_named
from optimerge.recipe.read import validate
from optimerge.recipe.schema import Recipe
from optimerge.space.layer_groups import group_of_each
from optimerge.space.layer_map import LayerMap
from optimerge.space.objective_kinds.settings import Bound
from optimerge.space.objectives import ObjectiveSpec, objective_name
from optimerge.space.ranges import Dimension, Param, Range
from optimerge.space.schema import SearchSettings
from optimerge.space.slices import (
    Place,
    Site,
    arranged,
    is_structure,
    length,
    longest,
    path_text,
    places,
    slice_of,
)


@dataclass(frozen=True)
class SearchSpace:
    """A checked search-space file."""

    file: Path
    data: Mapping[str, Any]
    """The file's data as read."""
    template: Mapping[str, Any]
    """The recipe part of it; at every site of a dimension stands a value of its range.

    Where that is a bound of layers, the one that makes the slice longest.
    """
    ranges: Mapping[Site, Range]
    """The ranges by the site they stand at."""
    methods: tuple[str, ...]
    dimensions: tuple[Dimension, ...]
    """All dimensions; those of the parameters that a method lacks are not part of its points.

    A range whose layer groups are open has one for all of them: see `optimerge.space.resolve`.
    """
    objectives: tuple[ObjectiveSpec, ...]
    include_path: Path | None
    search: SearchSettings
    layer_map: LayerMap | None = None
    """What the slices were written as."""
    report: tuple[ObjectiveSpec, ...] = ()
    """What is measured on test items alone, by `optimerge test`."""

    @property
    def folder(self) -> Path:
        """What relative model paths are relative to."""
        return self.file.parent

    @property
    def objective_names(self) -> tuple[str, ...]:
        """Names of the objectives, in the file's order."""
        return tuple(objective_name(spec) for spec in self.objectives)

    @property
    def measured(self) -> tuple[ObjectiveSpec, ...]:
        """The objectives, and what is measured after the search alone."""
        return (*self.objectives, *self.report)

    @property
    def optimized(self) -> tuple[str, ...]:
        """Names of the objectives that are axes of the front, in the file's order."""
        return tuple(objective_name(spec) for spec in self.objectives if spec.optimize)

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """The constraints, always in the same order: that of the objectives, at_least first."""
        return tuple(b for spec in self.objectives for b in spec.bounds(objective_name(spec)))

    @property
    def conditional(self) -> bool:
        """Whether points of different methods have different dimensions."""
        return any(d.methods and d.methods != set(self.methods) for d in self.dimensions)

    @cached_property
    def open_ranges(self) -> tuple[Site, ...]:
        """Where ranges stand whose layer groups are not known before the models are."""
        return tuple(site for site, found in self.ranges.items() if found.open)

    @cached_property
    def places(self) -> list[Place]:
        """What every slice may be; [] if the recipe has none."""
        return places(self.template, self.ranges)

    @cached_property
    def references(self) -> tuple[str, ...]:
        """Every model that a point may name, once each: base first, then as in the file."""
        found = list(self.any_recipe.references())
        if self.places:
            base = [self.any_recipe.base_model] if self.any_recipe.base_model else []
            sources = [m for place in self.places for models in place.models for m in models]
            found = [*base, *sources, *found]
        return tuple(dict.fromkeys(found))

    @property
    def moves_layers(self) -> bool:
        """Whether its points differ in which layers they have, or from which model."""
        return any(is_structure(site) for site in self.ranges)

    def corners(self, method: str, end: int = 0) -> Iterator[dict[str, Param]]:
        """Yield points that name together every model in every place, with all slices longest.

        `end`: which end of every number's range they lie at, 0 or -1.
        """
        point: dict[str, Param] = {"merge_method": method}
        models = []
        for dimension in self.active(method):
            site, found = dimension.site, dimension.range
            if is_structure(site):
                point[dimension.name] = longest(site, found)
                models += [dimension] if site[-1] == "model" else []
            elif dimension.name != "merge_method":
                point[dimension.name] = found.ends[end]
        yield point
        for dimension in models:
            for model in dimension.range.ends[1:]:
                yield {**point, dimension.name: model}

    def active(self, method: str) -> list[Dimension]:
        """Return the dimensions of a method's points."""
        return [d for d in self.dimensions if d.active(method)]

    @cached_property
    def any_recipe(self) -> Recipe:
        """One recipe of the space, to read models and dtypes from."""
        return self._assemble(self.template, self.methods[0])

    def recipe(self, params: Mapping[str, Param], layers: int) -> Recipe:
        """Return the recipe of a point; `layers` of the base model spread the layer groups.

        Values of layer groups become a gradient with one value a layer, which `mergekit` reads
        back as just those values. RecipeError while layer groups are open.
        """
        if self.open_ranges:
            raise RecipeError(
                f"{self.file}: {path_text(self.open_ranges[0])}: which layers its groups have is "
                "not known before the models are opened; see optimerge.space.resolve"
            )
        return self.with_values(params, layers)

    def with_values(self, params: Mapping[str, Param], layers: int) -> Recipe:
        """Return the recipe of a point, one value in the place of groups that are still open."""
        data = deepcopy(dict(self.template))
        method = str(params.get("merge_method", self.methods[0]))
        sites = dict(self._sites(method))
        for site in filter(is_structure, sites):
            _put(data, site, params[sites[site][0].name])
        for site, dimensions in sites.items():
            if not is_structure(site):
                part = slice_of(site)  # a gradient begins anew in every slice
                own = length(data, part) if part else layers
                _put(data, site, _value(dimensions, params, max(1, own)))
        return self._assemble(data, method)

    def _sites(self, method: str) -> Iterator[tuple[Site, list[Dimension]]]:
        sites: dict[Site, list[Dimension]] = {}
        for dimension in self.active(method):
            if dimension.site != ("merge_method",):
                sites.setdefault(dimension.site, []).append(dimension)
        yield from sites.items()

    def _assemble(self, data: Mapping[str, Any], method: str) -> Recipe:
        kept = _without_foreign(deepcopy(dict(data)), method, self.methods)
        # A gradient over a slice would be another one over two slices in one.
        join = self.layer_map is not None and not self.template.get("parameters")
        kept = arranged(kept, self.ranges, join=join)
        kept["merge_method"] = method
        kept.setdefault("dtype", "float32")
        return validate(Recipe, kept, str(self.file))


def _put(data: Any, site: Site, value: Any) -> None:
    for key in site[:-1]:
        data = data[key]
    data[site[-1]] = value


def _value(dimensions: Iterable[Dimension], params: Mapping[str, Param], layers: int) -> Any:
    by_filter: dict[str | None, list[Param]] = {}
    for dimension in dimensions:
        by_filter.setdefault(dimension.filter, []).append(params[dimension.name])
        groups = group_of_each(dimension.range.layer_groups, layers)
    spread = {
        name: [values[group] for group in groups] if len(values) > 1 else values[0]
        for name, values in by_filter.items()
    }
    if len(spread) == 1 and None in spread:
        return spread[None]
    return [{"filter": n, "value": v} if n else {"value": v} for n, v in spread.items()]


def _without_foreign(data: Any, method: str, methods: tuple[str, ...]) -> Any:
    """Drop parameters that this method lacks and another method of the space has."""
    own = {p.name for p in method_named(method).parameters}
    others = {p.name for name in methods for p in method_named(name).parameters} - own
    if isinstance(data, list):
        return [_without_foreign(part, method, methods) for part in data]
    if not isinstance(data, dict):
        return data
    return {
        key: {k: v for k, v in part.items() if k not in others}
        if key == "parameters" and isinstance(part, dict)
        else _without_foreign(part, method, methods)
        for key, part in data.items()
    }
