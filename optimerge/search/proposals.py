"""Asks the study for a point of the search space."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

from optimerge.search.samplers.registry import Ask, NamedSampler
from optimerge.space.ranges import Dimension, Param
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    import optuna

METHOD = "merge_method"


def propose(
    study: "optuna.Study", space: SearchSpace, sampler: NamedSampler, seed: int, finished: int
) -> "tuple[optuna.Trial, dict[str, Param]]":
    """Return a new running trial with its point; waiting trials of the study come first."""
    study.sampler = sampler.make(Ask(space, keyed_seed(seed, finished), finished, seed))
    trial = study.ask()
    return trial, suggest_point(trial, space)


def suggest_point(trial: "optuna.trial.BaseTrial", space: SearchSpace) -> dict[str, Param]:
    """Return the trial's point: the method first, then the dimensions that it has."""
    params: dict[str, Param] = {}
    for dimension in space.dimensions:
        if dimension.name == METHOD:
            params[METHOD] = suggest(trial, dimension)
    method = str(params.get(METHOD, space.methods[0]))
    for dimension in space.active(method):
        if dimension.name != METHOD:
            params[dimension.name] = suggest(trial, dimension)
    return params


def known_trial(
    space: SearchSpace,
    point: Mapping[str, Param],
    values: Sequence[float],
    attributes: Mapping[str, Any],
    constraints: Mapping[str, float] | None = None,
) -> "optuna.trial.FrozenTrial":
    """Return a completed trial for a point whose values are known without scoring it."""
    import optuna

    fixed = optuna.trial.FixedTrial(dict(point))
    suggest_point(fixed, space)
    return optuna.trial.create_trial(
        params=dict(point),
        distributions=fixed.distributions,
        values=list(values),
        user_attrs=dict(attributes),
        constraints=dict(constraints or {}),
    )


def keyed_seed(seed: int, finished: int) -> int:
    """Return the seed of the proposal after `finished` trials of a run with that seed."""
    digest = blake2b(f"optimerge proposal {seed} {finished}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")


def suggest(trial: "optuna.trial.BaseTrial", dimension: Dimension) -> Param:
    """Return the trial's value on one dimension."""
    r = dimension.range
    if r.choices is not None:
        return cast(Param, trial.suggest_categorical(dimension.name, list(r.choices)))
    assert r.low is not None
    assert r.high is not None
    if dimension.kind == "integer":
        step = int(r.step or 1)
        return trial.suggest_int(dimension.name, int(r.low), int(r.high), log=r.log, step=step)
    return trial.suggest_float(dimension.name, r.low, r.high, log=r.log, step=r.step)
