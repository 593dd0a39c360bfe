"""What the kernel measures distances in: features of rows, each with a length scale.

A number is a feature of its own. A choice is one feature a level, so that two different levels are
1 apart. A parameter that has a value in each of many layers becomes its mean, with a length scale
of its own, and the layers' deviations from it, which share one: a layer-wise space of a hundred
dimensions has few length scales to learn, and is at first searched like the model-wise one.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimerge.search.surrogate.domain import Domain, Rows


@dataclass(frozen=True)
class Features:
    """The features of a domain's rows."""

    domain: Domain
    by_family: bool = True

    @cached_property
    def _layout(self) -> tuple[NDArray[np.int64], list[NDArray[np.int64]], list[int]]:
        families = self.domain.family_columns if self.by_family else []
        grouped = {int(c) for columns in families for c in columns}
        single = [
            c for c in range(len(self.domain.names)) if self.domain.numeric[c] and c not in grouped
        ]
        choices = [c for c in range(len(self.domain.names)) if self.domain.levels[c] > 1]
        return np.array(single, dtype=np.int64), families, choices

    @cached_property
    def scales(self) -> NDArray[np.int64]:
        """The length scale of each feature [f], as an index."""
        single, families, choices = self._layout
        found = list(range(len(single)))
        count = len(found)
        for columns in families:
            found += [count] + [count + 1] * len(columns)
            count += 2
        for column in choices:
            found += [count] * int(self.domain.levels[column] + 1)
            count += 1
        return np.array(found, dtype=np.int64)

    def main(self, rows: Rows) -> Rows:
        """Return what each number does alone, as a line and a bow [n, b] with mean 0 over [-1, 1].

        The same length scale is meant by `scales_of_main`: what matters little does so here too.
        """
        found = self.of(rows)[:, self._numbers]
        whole = 2.0 * found - 1.0
        return np.hstack([whole, 1.5 * whole**2 - 0.5])

    @cached_property
    def scales_of_main(self) -> NDArray[np.int64]:
        """The length scale of each column of `main` [b], as an index."""
        return np.tile(self.scales[self._numbers], 2)

    @cached_property
    def _numbers(self) -> NDArray[np.int64]:
        """The features [k] that act alone: numbers and means, not deviations."""
        single, families, _ = self._layout
        found, place = list(range(len(single))), len(single)
        for columns in families:
            found.append(place)
            place += 1 + len(columns)
        return np.array(found, dtype=np.int64)

    def of(self, rows: Rows) -> Rows:
        """Return the features [n, f] of rows [n, d]; a number that a row lacks stands at 1/2."""
        single, families, choices = self._layout
        numbers = np.where(np.isnan(rows), 0.5, rows)
        parts = [numbers[:, single]]
        for columns in families:
            own = numbers[:, columns]
            mean = own.mean(axis=1, keepdims=True)
            parts += [mean, own - mean]
        for column in choices:
            index = np.where(np.isnan(rows[:, column]), self.domain.levels[column], rows[:, column])
            hot = index[:, None] == np.arange(self.domain.levels[column] + 1)
            parts.append(hot / np.sqrt(2))
        return np.concatenate(parts, axis=1)
