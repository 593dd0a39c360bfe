"""What tables and plots need of a folder of runs: gains by contestant, surface, seed, budget."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.quality.curves import Curve, Unit, curves_of, units_of
from benchmarks.quality.records import Kept, Key, kept_runs
from benchmarks.quality.statistics import first_reached
from optimerge.errors import RunError

Measure = Literal["test", "search"]
Pair = tuple[str, int]
"""Surface and seed."""


@dataclass(frozen=True)
class Results:
    """Runs, their curves, and the units of their surfaces."""

    runs: Mapping[Key, Kept]
    curves: Mapping[Key, Curve]
    units: Mapping[str, tuple[Unit, Unit]]
    """By surface: of search values, of test values."""

    @property
    def surfaces(self) -> list[str]:
        """All surfaces, in the order of the first runs kept."""
        return list(dict.fromkeys(key.surface for key in self.runs))

    @property
    def labels(self) -> list[str]:
        """All contestants."""
        return list(dict.fromkeys(key.label for key in self.runs))

    @property
    def failures(self) -> list[Kept]:
        """The runs that failed."""
        return [run for run in self.runs.values() if run.failure]

    def gain_curve(self, key: Key, measure: Measure) -> list[float]:
        """Return a run's gain after 0, 1, 2, … merges."""
        unit = self.units[key.surface][measure == "test"]
        volumes = self.curves[key].test if measure == "test" else self.curves[key].search
        return [unit.gain(volume) for volume in volumes]

    def gains(
        self, label: str, budget: int, measure: Measure, surfaces: Sequence[str] | None = None
    ) -> dict[Pair, float]:
        """Return a contestant's gains after a budget; runs that are shorter have none."""
        found = {}
        for key in self.curves:
            if key.label != label or (surfaces is not None and key.surface not in surfaces):
                continue
            curve = self.gain_curve(key, measure)
            if len(curve) > budget:
                found[key.surface, key.seed] = curve[budget]
        return found

    def reached(self, label: str, target: str, at: int) -> dict[str, list[float]]:
        """Return, by surface, after how many merges each run has the target's median at `at`.

        Infinity for runs that never do; surfaces where the target has no run are left out.
        """
        found: dict[str, list[float]] = {}
        for surface in self.surfaces:
            aims = list(self.gains(target, at, "test", [surface]).values())
            if not aims:
                continue
            aim = float(np.median(aims))
            own = [key for key in self.curves if key.label == label and key.surface == surface]
            if own:
                found[surface] = [
                    first_reached(self.gain_curve(key, "test")[1:], aim) for key in own
                ]
        return found


def results(folder: Path) -> Results:
    """Read a folder of runs; RunError if it has none."""
    runs = kept_runs(folder)
    if not runs:
        raise RunError(f"{folder}: no runs are kept there; make some with `run --keep {folder}`")
    curves = curves_of(folder, runs)
    units = {}
    for surface in dict.fromkeys(key.surface for key in curves):
        keys = [key for key in curves if key.surface == surface]
        units[surface] = units_of(
            surface, [runs[key] for key in keys], [curves[key] for key in keys]
        )
    return Results(runs, curves, units)


def by_surface(gains: Mapping[Pair, float]) -> dict[str, list[float]]:
    """Return gains grouped by surface."""
    found: dict[str, list[float]] = {}
    for (surface, _), gain in gains.items():
        found.setdefault(surface, []).append(gain)
    return found


def spoken(value: float, budget: int) -> str:
    """Return a number of evaluations as people read it: `> budget` for infinity."""
    return f"> {budget}" if math.isinf(value) else f"{value:g}"
