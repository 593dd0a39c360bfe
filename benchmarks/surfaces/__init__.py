"""Surfaces of real merges of the zoo for the search benchmark, as emulators or measured for real.

    surfaces.load("A24").measure(params)    # an emulator: microseconds, any machine
    surfaces.real("A24").measure(params)    # a merge and its scoring: about a second

`collect.py` measured the points that `emulator.py` fitted the emulators on; that prints how well.
"""

from typing import TYPE_CHECKING

from benchmarks.surfaces.definitions import SURFACES
from benchmarks.surfaces.emulated import EmulatedSurface, load_emulator
from benchmarks.surfaces.surface import Measured, Surface

if TYPE_CHECKING:
    from benchmarks.surfaces.merged import RealSurface

NAMES: tuple[str, ...] = tuple(SURFACES)
"""All surfaces."""

__all__ = ["NAMES", "EmulatedSurface", "Measured", "Surface", "load", "real"]


def load(name: str) -> EmulatedSurface:
    """Return a surface as an emulator. KeyError for a name that is not known."""
    return EmulatedSurface(SURFACES[name], load_emulator(name))


def real(name: str) -> "RealSurface":
    """Return a surface measured for real; its zoo is trained at first use. Imports torch."""
    from benchmarks.surfaces.merged import RealSurface

    return RealSurface(SURFACES[name])
