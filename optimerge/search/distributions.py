"""Which Optuna distribution a dimension has."""

from typing import TYPE_CHECKING

from optimerge.space.ranges import Dimension
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


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


def space_distributions(space: SearchSpace) -> "dict[str, BaseDistribution]":
    """Return the distribution of every dimension, by name."""
    return {dimension.name: distribution_of(dimension) for dimension in space.dimensions}
