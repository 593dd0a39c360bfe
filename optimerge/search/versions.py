"""What a run was made with: versions of the libraries, and the plug-ins of installed packages."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from optimerge.errors import RunError
from optimerge.methods import registry as methods
from optimerge.plugins import same_source
from optimerge.search.samplers import registry as samplers
from optimerge.space.objective_kinds import named as objectives
from optimerge.space.objective_kinds.plugin import PluginObjective
from optimerge.space.space import SearchSpace

PACKAGES = ("optimerge", "torch", "transformers", "lm-eval", "optuna", "datasets")
METHOD, SAMPLER, OBJECTIVE = "method ", "sampler ", "objective "


def versions(space: SearchSpace) -> dict[str, str]:
    """Return the version of each package that makes the run's numbers, by name."""
    packages = [methods.package_of_method(name) for name in space.methods]
    packages.append(samplers.package_of_sampler(_sampler(space)))
    packages += map(objectives.package_of_objective, _objectives(space))
    found = {package: version(package) for package in PACKAGES}
    return found | {package.name: package.version for package in packages if package}


def plugins(space: SearchSpace) -> dict[str, str]:
    """Return who made each plug-in that the space uses, by its kind and name.

    PluginError if a name that the space uses is both optimerge's and a package's.
    """
    sampler = _sampler(space)
    for name in space.methods:
        methods.PLUGINS.refuse_clash(name, methods.own_methods())
    samplers.PLUGINS.refuse_clash(sampler, samplers.SAMPLERS)
    found = {METHOD + name: methods.maker_of_method(name) for name in space.methods}
    found[SAMPLER + sampler] = samplers.PLUGINS.maker(sampler, samplers.SAMPLERS)
    found |= {OBJECTIVE + name: objectives.PLUGINS.maker(name, ()) for name in _objectives(space)}
    return {what: maker for what, maker in found.items() if maker}


def refuse_other_plugins(then: Mapping[str, str], now: Mapping[str, str], folder: Path) -> None:
    """Raise RunError if the code of a method or an objective is not what the run's trials had.

    A sampler may change: what it proposed is a trial like any other.
    """
    for what, maker in now.items():
        if not what.startswith(SAMPLER) and not same_source(then.get(what, maker), maker):
            raise RunError(
                f"{folder}: the {what} of its trials is that of {then[what]}, and installed is "
                f"{maker}; install the first again, or give another --run-dir"
            )


def _objectives(space: SearchSpace) -> list[str]:
    return [spec.plugin for spec in space.measured if isinstance(spec, PluginObjective)]


def _sampler(space: SearchSpace) -> str:
    asked = space.search.sampler
    return asked if isinstance(asked, str) else asked.name
