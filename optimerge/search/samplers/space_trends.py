"""What is known of a search space's objectives before anything is scored."""

from typing import Any

from optimerge.search.distributions import distribution_of
from optimerge.search.surrogate.trends import Changed, Part
from optimerge.space.objectives import objective_name
from optimerge.space.slices import Site
from optimerge.space.space import SearchSpace

NONZERO = "nonzero"


def trends_of(space: SearchSpace) -> tuple[Changed | None, ...]:
    """Return by optimised objective, in the space's order, what its mean follows; None: nothing."""
    found = {objective_name(s): s for s in space.objectives}
    share = _changed(space)
    return tuple(
        share if getattr(found[name], "sparsity", None) == NONZERO else None
        for name in space.optimized
    )


def _changed(space: SearchSpace) -> Changed | None:
    """Return the share of entries that differ from the base, where experts are listed as models."""
    base = space.template.get("base_model")
    models = space.template.get("models") or []
    experts = [place for place, each in enumerate(models) if each.get("model") != base]
    if not base or not experts:
        return None
    parts = (Part(_of(space, place, "weight"), _of(space, place, "density")) for place in experts)
    return Changed(tuple(parts))


def _of(space: SearchSpace, model: int, parameter: str) -> tuple[str, ...] | float:
    """Return the dimensions that an expert's parameter has, its own or shared; or its number."""
    sites: tuple[Site, ...] = (
        ("models", model, "parameters", parameter),
        ("parameters", parameter),
    )
    for site in sites:
        own = [d for d in space.dimensions if d.site[: len(site)] == site]
        names = tuple(d.name for d in own if not distribution_of(d).single())
        if names:
            return names
        found: Any = space.template
        for key in site:
            found = found[model] if isinstance(found, list) else (found or {}).get(key)
        if isinstance(found, int | float):
            return float(found)
    return 1.0
