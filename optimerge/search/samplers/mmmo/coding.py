"""Points of an Optuna search space as rows in the unit cube, and back.

A row [d] has one number in [0, 1] a dimension, in the order of the names: a number's place in its
range (of a log range, in logarithms), the middle of its cell for whole numbers, steps and choices,
which are numbered in their order. NaN stands for a dimension that a point does not have.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

Array = NDArray[np.float64]


class Coding:
    """The code of one search space."""

    def __init__(self, space: Mapping[str, BaseDistribution]) -> None:
        self.space = dict(sorted(space.items()))
        self.cells = np.array([_cells(d) for d in self.space.values()], dtype=np.float64)
        """How many values a dimension has; infinity for a continuous one."""
        self.named = np.array(
            [isinstance(d, CategoricalDistribution) for d in self.space.values()], dtype=np.bool_
        )
        """Which dimensions are choices, without an order."""

    def __len__(self) -> int:
        return len(self.space)

    def row(self, params: Mapping[str, Any]) -> Array:
        """Return a point's row; NaN where the point has no value, or one outside the range."""
        row = np.full(len(self), np.nan)
        for column, (name, distribution) in enumerate(self.space.items()):
            if name in params:
                row[column] = _code(distribution, params[name])
        return row

    def params(self, row: Array) -> dict[str, Any]:
        """Return the point of a row, plain Python values; dimensions that are NaN are left out."""
        return {
            name: _value(distribution, float(code))
            for (name, distribution), code in zip(self.space.items(), row, strict=True)
            if not math.isnan(code)
        }

    def snapped(self, rows: Array) -> Array:
        """Return rows [n, d] moved to the middle of their cells; continuous ones stay."""
        grid = np.isfinite(self.cells)
        rows = np.clip(rows, 0.0, 1.0)
        n = self.cells[grid]
        rows[:, grid] = (np.minimum(np.floor(rows[:, grid] * n), n - 1) + 0.5) / n
        return rows

    def features(self, rows: Array) -> Array:
        """Return what a surrogate is to see of rows [n, d]: [n, k] in the unit cube.

        A choice becomes a column each, so that any two choices are equally far apart; a dimension
        that a point does not have lies in the middle of all that it could be.
        """
        columns = []
        for column, distribution in zip(rows.T, self.space.values(), strict=True):
            if isinstance(distribution, CategoricalDistribution):
                count = len(distribution.choices)
                hot = np.floor(column[:, None] * count) == np.arange(count)
                columns.append(np.where(np.isnan(column)[:, None], 1 / count, hot))
            else:
                columns.append(np.where(np.isnan(column), 0.5, column)[:, None])
        return np.concatenate(columns, axis=1)


def _cells(distribution: BaseDistribution) -> float:
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    if isinstance(distribution, IntDistribution):
        if distribution.log:
            return math.inf  # cells of unequal width: rounded when it becomes a value
        return (distribution.high - distribution.low) // distribution.step + 1
    assert isinstance(distribution, FloatDistribution)
    if distribution.step is not None:
        return round((distribution.high - distribution.low) / distribution.step) + 1
    return 1 if distribution.single() else math.inf


def _code(distribution: BaseDistribution, value: Any) -> float:
    try:
        inside = distribution._contains(distribution.to_internal_repr(value))
    except ValueError:  # a choice that there no longer is
        inside = False
    if not inside:
        return math.nan
    cells = _cells(distribution)
    if isinstance(distribution, CategoricalDistribution):
        return (distribution.to_internal_repr(value) + 0.5) / cells
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if math.isfinite(cells):
        step = distribution.step or 1.0
        return (round((value - distribution.low) / step) + 0.5) / cells
    low, high = _ends(distribution)
    place = math.log(value) if distribution.log else float(value)
    return min(1.0, max(0.0, (place - low) / (high - low)))


def _value(distribution: BaseDistribution, code: float) -> Any:
    cells = _cells(distribution)
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(min(code * cells, cells - 1))]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if math.isfinite(cells):
        steps = int(min(code * cells, cells - 1))
        value = distribution.low + steps * (distribution.step or 0)
    else:
        low, high = _ends(distribution)
        value = low + code * (high - low)
        value = math.exp(value) if distribution.log else value
    if isinstance(distribution, IntDistribution):
        return int(min(max(round(value), distribution.low), distribution.high))
    return float(min(max(value, distribution.low), distribution.high))


def _ends(distribution: FloatDistribution | IntDistribution) -> tuple[float, float]:
    low, high = float(distribution.low), float(distribution.high)
    if isinstance(distribution, IntDistribution):  # every whole number gets its whole cell
        low, high = low - 0.5, high + 0.5
    return (math.log(low), math.log(high)) if distribution.log else (low, high)
