"""The versions that a run was made with: of the libraries, and of the packages of its plug-ins."""

from collections.abc import Iterator
from importlib.metadata import version

from optimerge.methods import registry as methods
from optimerge.plugins import Package
from optimerge.search.samplers import registry as samplers
from optimerge.space.objective_kinds.named import package_of_objective
from optimerge.space.objective_kinds.plugin import PluginObjective
from optimerge.space.space import SearchSpace

PACKAGES = ("optimerge", "torch", "transformers", "lm-eval", "optuna", "datasets")


def versions(space: SearchSpace) -> dict[str, str]:
    """Return the version of each package that makes the run's numbers, by name.

    PluginError if a name that the space uses is both optimerge's and a package's.
    """
    found = {package: version(package) for package in PACKAGES}
    return found | {package.name: package.version for package in _plugged(space)}


def _plugged(space: SearchSpace) -> Iterator[Package]:
    """Yield the packages whose methods, sampler and objectives the space uses."""
    asked = space.search.sampler
    sampler = asked if isinstance(asked, str) else asked.name
    objectives = [spec.plugin for spec in space.measured if isinstance(spec, PluginObjective)]
    for name in space.methods:
        methods.PLUGINS.refuse_clash(name, methods.own_methods())
    samplers.PLUGINS.refuse_clash(sampler, samplers.SAMPLERS)
    found = [methods.package_of_method(name) for name in space.methods]
    found += [samplers.package_of_sampler(sampler), *map(package_of_objective, objectives)]
    yield from (package for package in found if package)
