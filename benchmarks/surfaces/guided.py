"""Points where an emulator says the best merges are: its errors there are what a search would use.

A search that is good enough finds an emulator's faults. So the emulator's own optima, for many
wishes and found more or less well, are measured too, and the emulators fitted again.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.surfaces.definitions import NONZERO
from benchmarks.surfaces.emulated import EmulatedSurface, Emulator
from benchmarks.surfaces.network import Numbers, inputs
from benchmarks.surfaces.nonzero import changed
from benchmarks.surfaces.points import Coordinates
from benchmarks.surfaces.store import Data
from optimerge.space.ranges import Param

TRIED = 200
"""Changes a step of the climb."""
STEPS = (3, 10, 30, 60)
"""How far a search gets."""


def guided(surface: EmulatedSurface, data: Data, rng: Generator) -> dict[str, Param]:
    """Return the end of a climb for a random weighing of the objectives, from a point of the box.

    Half of the climbs begin at the best point measured.
    """
    at, emulator = Coordinates(surface.space), surface.emulator
    wish = rng.dirichlet(np.full(len(surface.objectives), 0.7))
    dimensions = len(at.dimensions)
    if rng.random() < 0.5:
        worth = np.hstack([data.test, -data.nonzero[:, None]])[:, : len(wish)] @ wish
        best = int(worth.argmax())
        unit, method = np.nan_to_num(data.unit[best], nan=0.5), int(data.method[best])
    else:
        unit, method = rng.random(dimensions), int(rng.integers(len(at.methods)))
    for _ in range(int(rng.choice(STEPS))):
        size = rng.choice([0.02, 0.06, 0.2], size=(TRIED, 1))
        moved = rng.random((TRIED, dimensions)) < rng.choice([1 / dimensions, 0.3, 1.0])
        units = np.clip(unit + moved * size * rng.standard_normal((TRIED, dimensions)), 0, 1)
        units[0] = unit
        methods = np.where(
            rng.random(TRIED) < 0.1, rng.integers(len(at.methods), size=TRIED), method
        )
        methods[0] = method
        best = int((_objectives(at, emulator, units, methods, surface) @ wish).argmax())
        unit, method = units[best], int(methods[best])
    return at.params(unit, method)


def _objectives(
    at: Coordinates,
    emulator: Emulator,
    units: Numbers,
    methods: NDArray[np.int64],
    surface: EmulatedSurface,
) -> Numbers:
    """Return what is to be large of each point [n, m]: test accuracies, less nonzero."""
    active = np.array([at.active(place) for place in range(len(at.methods))])[methods]
    units = np.where(active, units, np.nan)
    shares = emulator.networks.shares(inputs(units, methods, len(at.methods)))
    found = shares[:, shares.shape[1] // 2 :]
    if NONZERO in surface.objectives:
        found = np.hstack([found, -(changed(at, units, methods) @ emulator.sizes)[:, None]])
    return found
