"""Measured points of a surface in one small file: `data/NAME.npz`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.surfaces.definitions import Definition
from benchmarks.surfaces.points import DECIMALS, Coordinates
from benchmarks.surfaces.proposals import ISLANDS
from benchmarks.surfaces.surface import Measured
from optimerge.space.ranges import Param

DATA = Path(__file__).parent / "data"
ABSENT = 65535
"""Stands for a dimension that a point lacks."""


@dataclass(frozen=True)
class Data:
    """What was measured: n points of d dimensions on t tasks, in the order of measuring."""

    unit: NDArray[np.float64]
    """[n, d] as `Coordinates` has them; NaN where the method lacks a dimension."""
    method: NDArray[np.int64]
    """[n] places of methods."""
    search: NDArray[np.float64]
    """[n, t] accuracies on the search items."""
    test: NDArray[np.float64]
    """[n, t] accuracies on the test items."""
    nonzero: NDArray[np.float64]
    """[n] shares of parameters that differ from the base."""
    parents: Mapping[str, Measured]
    parent_points: Mapping[str, dict[str, Param]]
    guided: int
    """So many points, the last ones, were chosen by an emulator (guided.py)."""

    @property
    def island(self) -> NDArray[np.int64]:
        """[n] the search that each point was part of; guided ones are a search of their own."""
        numbers = np.arange(len(self.unit))
        return np.where(numbers < len(numbers) - self.guided, numbers % ISLANDS, ISLANDS)


def save(
    definition: Definition,
    rows: Sequence[Mapping[str, Any]],
    items: tuple[int, int],
    parents: Mapping[str, Any],
    guided: int,
    folder: Path = DATA,
) -> None:
    """Write measured rows (see collect.py), `guided` ones last; `items`: of search, of test."""
    at = Coordinates(definition.space())
    steps = np.array([at.unit(row["params"]) * at.span * 10**DECIMALS for row in rows])
    np.savez_compressed(
        folder / f"{definition.name}.npz",
        steps=np.where(np.isnan(steps), ABSENT, steps.round()).astype(np.uint16),
        method=np.array([at.method(row["params"]) for row in rows], np.uint8),
        search=np.array([list(row["search"].values()) for row in rows], np.uint16),
        test=np.array([list(row["test"].values()) for row in rows], np.uint16),
        nonzero=np.array([row["nonzero"] for row in rows], np.float32),
        items=np.array(items),
        guided=np.array(guided),
        parents=np.array(json.dumps(parents)),
    )


def load(definition: Definition) -> Data:
    """Read a surface's measured points. OSError if none are stored."""
    at = Coordinates(definition.space())
    with np.load(DATA / f"{definition.name}.npz", allow_pickle=False) as file:
        steps = file["steps"].astype(float)
        steps[steps == ABSENT] = np.nan
        search_items, test_items = file["items"].tolist()
        parents = json.loads(str(file["parents"]))
        return Data(
            unit=steps / (at.span * 10**DECIMALS),
            method=file["method"].astype(int),
            search=file["search"] / search_items,
            test=file["test"] / test_items,
            nonzero=file["nonzero"].astype(float),
            parents={name: Measured(*values) for name, values in parents["values"].items()},
            parent_points=parents["points"],
            guided=int(file["guided"]),
        )
