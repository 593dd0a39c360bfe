"""A surface that is an emulator of the real one: a point is measured in well under a millisecond.

What counts is what the networks say of the test items. What the search sees is what they say of the
search items, with noise keyed by the point, as a whole number of right answers of 400. The noise is
c sqrt(p (1 - p) / n): c is chosen so that it is as large as that part of the residuals of real
measurements that search and test items do not share (`emulator.py`); the part they share is what
the networks lack, not noise. Parents are as measured. The share of parameters that differ from the
base follows a formula (nonzero.py) and is exact.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.surfaces import nonzero
from benchmarks.surfaces.definitions import NONZERO, Definition
from benchmarks.surfaces.network import Networks, Numbers, inputs
from benchmarks.surfaces.points import Coordinates
from benchmarks.surfaces.store import DATA
from benchmarks.surfaces.surface import ITEMS, Measured, binomial
from optimerge.records.types import Direction
from optimerge.space.ranges import Param
from optimerge.space.space import SearchSpace


@dataclass(frozen=True)
class Emulator:
    """What is fitted for one surface."""

    networks: Networks
    noise: float
    """In standard errors of a share of ITEMS."""
    sizes: Numbers
    """Of the parts that change (nonzero.py)."""
    parents: Mapping[str, Measured]
    parent_points: Mapping[str, dict[str, Param]]

    def save(self, name: str, folder: Path = DATA) -> None:
        """Write `NAME.emulator.npz`."""
        layers = zip(self.networks.weights, self.networks.biases, strict=True)
        arrays: dict[str, Any] = {
            key: array.astype(np.float16)
            for number, (weight, bias) in enumerate(layers)
            for key, array in ((f"weight{number}", weight), (f"bias{number}", bias))
        }
        parents = {"values": self.parents, "points": self.parent_points}
        np.savez_compressed(
            folder / f"{name}.emulator.npz",
            noise=np.array(self.noise),
            sizes=self.sizes,
            parents=np.array(json.dumps(parents)),
            **arrays,
        )


def load_emulator(name: str, folder: Path = DATA) -> Emulator:
    """Read `NAME.emulator.npz`. OSError if there is none."""
    with np.load(folder / f"{name}.emulator.npz", allow_pickle=False) as file:
        layers = sum(key.startswith("weight") for key in file.files)
        parents = json.loads(str(file["parents"]))
        return Emulator(
            Networks(
                tuple(file[f"weight{n}"].astype(float) for n in range(layers)),
                tuple(file[f"bias{n}"].astype(float) for n in range(layers)),
            ),
            float(file["noise"]),
            file["sizes"],
            {parent: Measured(*values) for parent, values in parents["values"].items()},
            parents["points"],
        )


@dataclass(frozen=True)
class EmulatedSurface:
    """One of `surfaces.NAMES`; needs no zoo, torch or fitting."""

    definition: Definition
    emulator: Emulator

    @property
    def name(self) -> str:
        """The surface's name."""
        return self.definition.name

    @property
    def objectives(self) -> Mapping[str, Direction]:
        """Objective -> direction."""
        return self.definition.objectives

    @cached_property
    def space(self) -> SearchSpace:
        """The space; its models are named, not there."""
        return self.definition.space()

    @property
    def parents(self) -> Mapping[str, Measured]:
        """Base and experts, measured for real."""
        return self.emulator.parents

    @property
    def parent_points(self) -> Mapping[str, dict[str, Param]]:
        """The points that build a parent as it is, by the parent's name."""
        return self.emulator.parent_points

    @cached_property
    def _at(self) -> Coordinates:
        return Coordinates(self.space)

    def measure(self, params: Mapping[str, Param]) -> Measured:
        """Return what the emulator says of a point; the parents' points are as measured."""
        for name, point in self.parent_points.items():
            if point == params:
                return self.parents[name]
        at, tasks = self._at, self.definition.tasks
        unit, method = at.unit(params)[None], np.array([at.method(params)])
        shares = self.emulator.networks.shares(inputs(unit, method, len(at.methods)))[0]
        true, test = shares[: len(tasks)], shares[len(tasks) :]
        noise = self.emulator.noise * np.sqrt(true * (1 - true) / ITEMS) * _normals(params, tasks)
        seen = np.clip(np.rint((true + noise) * ITEMS), 0, ITEMS) / ITEMS
        values = dict(zip(tasks, seen.tolist(), strict=True))
        counts = dict(zip(tasks, test.tolist(), strict=True))
        stderr: dict[str, float | None] = {task: binomial(p) for task, p in values.items()}
        if NONZERO in self.objectives:
            share = float((nonzero.changed(at, unit, method) @ self.emulator.sizes)[0])
            values[NONZERO] = counts[NONZERO] = min(share, 1.0)
            stderr[NONZERO] = 0.0
        return Measured(values, stderr, counts)


def _normals(params: Mapping[str, Param], tasks: tuple[str, ...]) -> Numbers:
    """Return a standard normal a task, keyed by the point alone."""
    text = json.dumps(dict(params), sort_keys=True)
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return np.random.default_rng(key).standard_normal(len(tasks))
