"""Any Optuna sampler by `module:Class`: Optuna's own, an installed package's, a local file's."""

import importlib
import inspect
import warnings
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimerge.errors import RunError, did_you_mean
from optimerge.objectives.imports import import_beside
from optimerge.search.samplers.named import Ask, NamedSampler
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def external_sampler(
    name: str, options: Mapping[str, Any], space: SearchSpace, *, allow_code: bool = False
) -> NamedSampler:
    """Return the sampler of a class, which has been made once and asked for a point.

    RunError if it may not be loaded, is not there, is no sampler, or cannot propose here.
    """
    module = name.partition(":")[0]
    if not _of_optuna(module) and not allow_code:
        raise RunError(
            f"sampler {name!r} is Python code to run; read that code, and give --allow-code if "
            "you trust it"
        )
    made = _class(name, space.folder)
    _check_options(name, made, options)
    doc = (inspect.getdoc(made) or "").partition("\n")[0]
    sampler = NamedSampler(name, doc, "", partial(_make, name=name, options=dict(options)))
    _try_out(sampler, space)
    return sampler


def _make(ask: Ask, *, name: str, options: Mapping[str, Any]) -> "BaseSampler":
    from optuna.exceptions import ExperimentalWarning

    made = _class(name, ask.space.folder)
    seed = {"seed": ask.seed} if "seed" in inspect.signature(made).parameters else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # the user has chosen it
        return made(**seed, **options)


@cache
def _class(name: str, folder: Path) -> "type[BaseSampler]":
    from optuna.samplers import BaseSampler

    module_name, _, wanted = name.partition(":")
    try:
        # What is called optuna is Optuna: a file of that name is code that needs consent.
        own = _of_optuna(module_name)
        module = importlib.import_module(module_name) if own else import_beside(folder, module_name)
    except Exception as error:
        raise RunError(
            f"sampler {name!r}: {module_name} cannot be imported ({type(error).__name__}: "
            f"{error}); install it, or put the file into {folder}"
        ) from error
    found = getattr(module, wanted, None)
    samplers = [n for n, each in vars(module).items() if _is_sampler(each)]
    if found is None:
        hint = did_you_mean(wanted, samplers) or f"; its samplers: {', '.join(samplers) or 'none'}"
        raise RunError(f"sampler {name!r}: {module_name} has no {wanted!r}{hint}")
    if not _is_sampler(found) or found is BaseSampler:
        raise RunError(f"sampler {name!r} is not a subclass of optuna.samplers.BaseSampler")
    return found  # type: ignore[no-any-return]  # _is_sampler says so


def _is_sampler(found: Any) -> bool:
    from optuna.samplers import BaseSampler

    return isinstance(found, type) and issubclass(found, BaseSampler)


def _of_optuna(module: str) -> bool:
    return module.partition(".")[0] == "optuna"


def _check_options(name: str, made: "type[BaseSampler]", options: Mapping[str, Any]) -> None:
    parameters = inspect.signature(made).parameters
    if "seed" in options:
        raise RunError(f"sampler {name!r}: leave out seed; it gets one made of the run's seed")
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    known = [each for each in parameters if each != "seed"]
    for each in options:
        if each not in known:
            hint = did_you_mean(each, known) or f"; known: {', '.join(known) or 'none'}"
            raise RunError(f"sampler {name!r} has no option {each!r}{hint}")


def _try_out(sampler: NamedSampler, space: SearchSpace) -> None:
    """Make it and ask it for a point in an empty study of the space's objectives."""
    import optuna

    from optimerge.search.proposals import suggest_point

    try:
        made = sampler.make(Ask(space, 0, 0))
    except Exception as error:
        raise RunError(
            f"sampler {sampler.name!r} cannot be made ({type(error).__name__}: {error}); give "
            "what it needs as options, `sampler: {name: ..., OPTION: ...}`"
        ) from error
    study = optuna.create_study(directions=["minimize"] * len(space.optimized), sampler=made)
    try:
        suggest_point(study.ask(), space)
    except Exception as error:
        raise RunError(
            f"sampler {sampler.name!r} cannot propose a point of {space.file} "
            f"({type(error).__name__}: {error}); choose another"
        ) from error
