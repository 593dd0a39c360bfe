"""Coordinates between 0 and 1 for every distribution, each value an equal share of them."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution


def from_unit(distribution: "BaseDistribution", unit: float) -> Any:
    """Return the value at a coordinate from 0 to 1; plain Python."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[_cell(unit, len(distribution.choices))]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if distribution.log:
        low, high = _log_ends(distribution)
        value = math.exp(low + unit * (high - low))
        value = round(value) if isinstance(distribution, IntDistribution) else value
        return min(max(value, distribution.low), distribution.high)
    if distribution.step is not None:
        value = distribution.low + distribution.step * _cell(unit, _steps(distribution))
        return min(value, distribution.high)
    value = distribution.low + unit * (distribution.high - distribution.low)
    return min(value, distribution.high)


def to_unit(distribution: "BaseDistribution", value: Any) -> float:
    """Return the coordinate of a value: the middle of its share, if it has one."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        count = len(distribution.choices)
        return (distribution.to_internal_repr(value) + 0.5) / count
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if distribution.log:
        low, high = _log_ends(distribution)
        unit = (math.log(max(value, distribution.low)) - low) / (high - low)
    elif distribution.step is not None:
        steps = round((value - distribution.low) / distribution.step)
        unit = (steps + 0.5) / _steps(distribution)
    else:
        unit = (value - distribution.low) / (distribution.high - distribution.low)
    return min(max(unit, 0.0), 1.0)


def _cell(unit: float, count: int) -> int:
    return min(int(unit * count), count - 1)


def _steps(distribution: "FloatDistribution | IntDistribution") -> int:
    assert distribution.step is not None
    return round((distribution.high - distribution.low) / distribution.step) + 1


def _log_ends(distribution: "FloatDistribution | IntDistribution") -> tuple[float, float]:
    from optuna.distributions import IntDistribution

    half = 0.5 if isinstance(distribution, IntDistribution) else 0.0
    return math.log(distribution.low - half), math.log(distribution.high + half)
