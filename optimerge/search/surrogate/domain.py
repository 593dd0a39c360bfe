"""Points of a search space as rows of numbers, and back.

A row has a column a dimension, sorted by name: numbers stand in [0, 1] (logarithms where the range
is one), choices as their index. A dimension that the row's method lacks is NaN.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Domain:
    """The dimensions of a search space, by name, as Optuna's distributions.

    `switch` names the dimension whose choice decides which others a point has: `active[choice]`
    are theirs; None: every point has all. `families` are the names that are one parameter in
    other layers or tensors.
    """

    distributions: "Mapping[str, BaseDistribution]"
    switch: str | None = None
    active: Mapping[Any, frozenset[str]] = field(default_factory=dict)
    families: Sequence[Sequence[str]] = ()

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns."""
        return sorted(self.distributions)

    @cached_property
    def levels(self) -> NDArray[np.int64]:
        """How many choices each column has [d]; 0 for numbers."""
        return np.array([len(getattr(self.distributions[n], "choices", ())) for n in self.names])

    @cached_property
    def numeric(self) -> NDArray[np.bool_]:
        """Which columns are numbers [d]."""
        return np.asarray(self.levels == 0)

    @cached_property
    def _bounds(self) -> tuple[Rows, Rows, Rows, NDArray[np.bool_]]:
        """Low, high and step [d] of numbers, after the logarithm where `log`; step 0: none."""
        low, high, step = np.zeros((3, len(self.names)))
        log = np.zeros(len(self.names), dtype=np.bool_)
        for place, name in enumerate(self.names):
            found: Any = self.distributions[name]
            if self.levels[place]:
                continue
            log[place] = found.log
            ends = np.log([found.low, found.high]) if found.log else (found.low, found.high)
            low[place], high[place] = ends
            step[place] = 0 if found.log or found.step is None else found.step
        return low, high, step, log

    def encode(self, points: Sequence[Mapping[str, Any]]) -> Rows:
        """Return points as rows [n, d]; what a point lacks is NaN."""
        low, high, _, log = self._bounds
        rows = np.full((len(points), len(self.names)), np.nan)
        for row, point in zip(rows, points, strict=True):
            for place, name in enumerate(self.names):
                if name in point:
                    row[place] = self.distributions[name].to_internal_repr(point[name])
        rows[:, log] = np.log(rows[:, log])
        width = np.where(high > low, high - low, 1.0)
        return np.where(self.numeric, (rows - low) / width, rows)

    def values(self, rows: Rows, names: Sequence[str]) -> Rows:
        """Return the values [n, k] of numbers and choices of numbers; NaN for what a row lacks."""
        low, high, _, log = self._bounds
        columns = [self.names.index(name) for name in names]
        found = low + rows * (high - low)
        found[:, log] = np.exp(found[:, log])
        for column in columns:
            if self.levels[column]:
                choices = np.array(self._choices(self.names[column]), dtype=np.float64)
                gone = np.isnan(rows[:, column])
                index = np.where(gone, 0, rows[:, column]).astype(np.int64)
                found[:, column] = np.where(gone, np.nan, choices[index])
        return found[:, columns]

    def _choices(self, name: str) -> Sequence[Any]:
        from optuna.distributions import CategoricalDistribution

        distribution = self.distributions[name]
        assert isinstance(distribution, CategoricalDistribution)
        return distribution.choices

    def decode(self, row: Rows) -> dict[str, Any]:
        """Return a row as the point it stands for, inside the space and on its steps."""
        low, high, step, log = self._bounds
        values = low + np.clip(row, 0.0, 1.0) * (high - low)
        values = np.where(
            step > 0, low + np.round((values - low) / np.where(step, step, 1)) * step, values
        )
        point: dict[str, Any] = {}
        for place, name in enumerate(self.names):
            if np.isnan(row[place]):
                continue
            found: Any = self.distributions[name]
            if self.levels[place]:
                point[name] = found.choices[int(row[place])]
                continue
            value = float(np.exp(values[place])) if log[place] else float(values[place])
            value = min(max(value, found.low), found.high)
            whole = type(found).__name__ == "IntDistribution"
            point[name] = round(value) if whole else value
        return point

    def snapped(self, rows: Rows) -> Rows:
        """Return rows [n, d] moved into the space: clipped, on steps, foreign dimensions NaN."""
        low, high, step, _ = self._bounds
        width = np.where(high > low, high - low, 1.0)
        unit = step / width
        rows = np.where(self.numeric, np.clip(rows, 0.0, 1.0), rows)
        stepped = np.clip(np.round(rows / np.where(unit > 0, unit, 1)) * unit, 0.0, 1.0)
        rows = np.where(unit > 0, stepped, rows)
        rows = np.where(self.numeric & (high <= low), 0.0, rows)
        if self.switch is None:
            return rows
        rows = rows.copy()
        place = self.names.index(self.switch)
        for level, choice in enumerate(self._choices(self.switch)):
            rows[np.ix_(rows[:, place] == level, ~self._active_mask(choice))] = np.nan
        return rows

    def filled(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """Return rows with uniform draws where they are NaN, also where their method lacks it."""
        drawn = rng.random(rows.shape)
        drawn = np.where(self.numeric, drawn, np.floor(drawn * np.maximum(self.levels, 1)))
        return np.where(np.isnan(rows), drawn, rows)

    def _active_mask(self, choice: Any) -> NDArray[np.bool_]:
        own = self.active[choice]
        return np.array([name in own for name in self.names])

    @cached_property
    def family_columns(self) -> list[NDArray[np.int64]]:
        """The numeric columns of each family of two or more."""
        place = {name: i for i, name in enumerate(self.names)}
        found = [[place[n] for n in family if n in place] for family in self.families]
        kept = [[c for c in columns if self.numeric[c]] for columns in found]
        return [np.array(columns) for columns in kept if len(columns) > 1]
