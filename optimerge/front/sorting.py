"""Non-dominated sorting of distinct rows in lexicographic order: the work under `ranks`."""

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray


def rank_pairs(rows: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rank distinct sorted rows of one or two objectives: a layer's last row covers the most."""
    if rows.shape[1] == 1:
        return np.arange(len(rows))
    rank = np.empty(len(rows), dtype=np.int64)
    last: list[float] = []  # last second loss of each layer; ascends with the layer
    for index, second in enumerate(rows[:, 1].tolist()):
        layer = bisect_right(last, second)
        last[layer : layer + 1] = [second]
        rank[index] = layer
    return rank


def rank_rows(rows: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rank distinct sorted rows: being covered by a layer is monotone, so bisect the layers."""
    rank = np.empty(len(rows), dtype=np.int64)
    layers: list[_Layer] = []
    for index, row in enumerate(rows):
        layer = _first_open(layers, row)
        if layer == len(layers):
            layers.append(_Layer(rows.shape[1]))
        layers[layer].add(row)
        rank[index] = layer
    return rank


def _first_open(layers: "list[_Layer]", row: NDArray[np.float64]) -> int:
    return bisect_right(layers, False, key=lambda layer: not layer.covers(row))


class _Layer:
    """The rows of one layer, column by column in a buffer that doubles."""

    def __init__(self, objectives: int) -> None:
        self._columns = np.empty((objectives, 8))
        self._size = 0

    def add(self, row: NDArray[np.float64]) -> None:
        if self._size == self._columns.shape[1]:
            self._columns = np.concatenate((self._columns, np.empty_like(self._columns)), axis=1)
        self._columns[:, self._size] = row
        self._size += 1

    def covers(self, row: NDArray[np.float64]) -> bool:
        # the first objective is no worse by the order of the rows
        others = self._columns[1:, : self._size] <= row[1:, None]
        return bool(others.all(axis=0).any())
