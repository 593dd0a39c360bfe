"""The samplers there are, by name: a table of those of this folder, and plug-ins.

A plug-in package announces a sampler under its own name in the entry-point group
`optimerge.samplers` (`optimerge.plugins`); each entry point is a `NamedSampler`. Any Optuna sampler
can be named too, as `module:Class` (`optimerge.search.samplers.chosen`).
"""

from optimerge.errors import RunError, did_you_mean
from optimerge.plugins import Package, Plugins
from optimerge.search.samplers import auto, cmaes, gp, nsga2, nsga3, qmc, random_draws, tpe
from optimerge.search.samplers.mmmo import named as mmmo
from optimerge.search.samplers.named import Ask, NamedSampler

__all__ = ["SAMPLERS", "Ask", "NamedSampler", "all_samplers", "package_of_sampler", "sampler_named"]

SAMPLERS = {
    module.SAMPLER.name: module.SAMPLER
    for module in (auto, cmaes, gp, mmmo, nsga2, nsga3, qmc, random_draws, tpe)
} | {mmmo.AS_RELEASED.name: mmmo.AS_RELEASED}
"""Those of this folder."""


PLUGINS = Plugins("optimerge.samplers", NamedSampler, "sampler")


def all_samplers() -> dict[str, NamedSampler]:
    """Return every sampler that can be used by name, sorted; those of plug-ins too.

    Imports neither optuna, numpy nor torch.
    """
    return dict(sorted((SAMPLERS | PLUGINS.usable(SAMPLERS)).items()))


def sampler_named(name: str) -> NamedSampler:
    """Return the sampler of that name; RunError with the nearest name if there is none.

    Plug-ins are looked for only if optimerge has none of that name; PluginError if one cannot be
    used.
    """
    found = SAMPLERS.get(name) or PLUGINS.named(name, SAMPLERS)
    if found is None:
        known = [*SAMPLERS, *PLUGINS.names()]
        hint = did_you_mean(name, known) or (
            f"; known: {', '.join(known)}, and module:Class for an Optuna sampler"
        )
        raise RunError(f"sampler {name!r} is not known{hint}")
    return found


def package_of_sampler(name: str) -> Package | None:
    """Return the package that a sampler comes from; None if it is optimerge's own, or a class."""
    return None if name in SAMPLERS else PLUGINS.package(name)
