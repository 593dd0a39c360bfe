"""The samplers there are, by name: a table of those of this folder, and plug-ins.

A plug-in package announces its samplers under the entry-point group `optimerge.samplers`; each
entry point is a `NamedSampler`. Any Optuna sampler can be named too, as `module:Class`
(`optimerge.search.samplers.chosen`).
"""

from functools import cache
from importlib.metadata import entry_points

from optimerge.errors import RunError, did_you_mean
from optimerge.search.samplers import auto, cmaes, gp, nsga2, nsga3, qmc, random_draws, tpe
from optimerge.search.samplers.mmmo import named as mmmo
from optimerge.search.samplers.named import Ask, NamedSampler

__all__ = ["SAMPLERS", "Ask", "NamedSampler", "all_samplers", "sampler_named"]

SAMPLERS = {
    module.SAMPLER.name: module.SAMPLER
    for module in (auto, cmaes, gp, mmmo, nsga2, nsga3, qmc, random_draws, tpe)
} | {mmmo.AS_RELEASED.name: mmmo.AS_RELEASED}
"""Those of this folder."""


@cache
def all_samplers() -> dict[str, NamedSampler]:
    """Return every sampler that has a name, sorted; imports neither optuna, numpy nor torch.

    RunError for a plug-in that is not a sampler, or has the name of another.
    """
    found = dict(SAMPLERS)
    for point in entry_points(group="optimerge.samplers"):
        plugin, where = point.load(), f"entry point {point.name} = {point.value}"
        if not isinstance(plugin, NamedSampler):
            raise RunError(f"{where}: not a NamedSampler but a {type(plugin).__name__}")
        if found.setdefault(plugin.name, plugin) is not plugin:
            raise RunError(f"{where}: there is a sampler {plugin.name!r} already; rename it")
    return dict(sorted(found.items()))


def sampler_named(name: str) -> NamedSampler:
    """Return the sampler of that name; RunError with the nearest name if there is none."""
    known = all_samplers()
    if name not in known:
        hint = did_you_mean(name, known) or (
            f"; known: {', '.join(known)}, and module:Class for an Optuna sampler"
        )
        raise RunError(f"sampler {name!r} is not known{hint}")
    return known[name]
