"""A search space as the domain of a surrogate."""

from typing import TYPE_CHECKING

from optimerge.search.surrogate.domain import Domain
from optimerge.space.families import families
from optimerge.space.ranges import Dimension
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

METHOD = "merge_method"


def domain_of(space: SearchSpace) -> Domain:
    """Return the domain of a space: its dimensions that are not one point."""
    found = {d.name: distribution_of(d) for d in space.dimensions}
    kept = {name: each for name, each in found.items() if not each.single()}
    switch = METHOD if METHOD in kept else None
    active = (
        {m: frozenset(d.name for d in space.active(m)) & kept.keys() for m in space.methods}
        if switch
        else {}
    )
    own = tuple(tuple(d.name for d in family.members) for family in families(space))
    return Domain(kept, switch, active, own)


def distribution_of(dimension: Dimension) -> "BaseDistribution":
    """Return a dimension's range as Optuna has it."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    r = dimension.range
    if r.choices is not None:
        return CategoricalDistribution(r.choices)
    assert r.low is not None
    assert r.high is not None
    if dimension.kind == "integer":
        return IntDistribution(int(r.low), int(r.high), log=r.log, step=int(r.step or 1))
    return FloatDistribution(r.low, r.last, log=r.log, step=r.step)
