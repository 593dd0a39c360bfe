"""Measure real merges for the emulators: minutes to an hour; goes on where it was stopped.

    python benchmarks/surfaces/collect.py RAW [--surfaces A6 ...] [--share 1.0]   # measure
    python benchmarks/surfaces/collect.py RAW --guided 40                         # see guided.py
    python benchmarks/surfaces/collect.py RAW --pack                              # into data/

RAW is a folder; each surface has a file there, one JSON line a point, appended every few points.
Surfaces take turns, so that all have some points soon. The zoos are trained into the user's cache.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from numpy.random import default_rng

from benchmarks.surfaces import load
from benchmarks.surfaces.definitions import NONZERO, SURFACES
from benchmarks.surfaces.guided import guided
from benchmarks.surfaces.merged import RealSurface
from benchmarks.surfaces.points import Coordinates
from benchmarks.surfaces.proposals import ISLANDS, Known, Proposer
from benchmarks.surfaces.store import load as load_data
from benchmarks.surfaces.store import save
from benchmarks.surfaces.surface import ITEMS
from optimerge.space.ranges import Param

POINTS: Mapping[str, int] = {
    "A6": 350,
    "A24": 550,
    "Amix": 550,
    "A6s1": 350,
    "B8": 320,
    "B24": 520,
    "B96": 850,
}
AT_ONCE = 20
"""Points of one surface before it is the next one's turn."""

Row = dict[str, Any]
"""`number`, `kind`, `params`, `search` and `test` (right answers a task), `nonzero`."""


class Collection:
    """One surface's measured points, and how to get the next ones."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.file = folder / f"{name}.jsonl"
        self.guided = folder / f"{name}.guided.jsonl"
        self.surface = RealSurface(SURFACES[name])
        self.at = Coordinates(self.surface.space)
        self.proposer = Proposer(name, self.at)
        self.rows = list(read_rows(self.file))

    def measure(self, points: int) -> None:
        """Measure that many more points and append them to the file."""
        for _ in range(points):
            number = len(self.rows)
            known = [self._known(row) for row in self.rows[number % ISLANDS :: ISLANDS]]
            params = self.proposer.point(number, known)
            self.rows.append(self._row(number, self.proposer.kind(number), params))
        append(self.file, self.rows[-points:])

    def measure_guided(self, points: int) -> None:
        """Measure that many points that the stored emulator holds to be good, and append them."""
        surface, data = load(self.name), load_data(SURFACES[self.name])
        start = sum(1 for _ in read_rows(self.guided))
        rows = []
        for number in range(start, start + points):
            params = guided(surface, data, default_rng([number, *self.name.encode()]))
            row = self._row(number, "guided", params)
            rows.append({**row, "emulator": surface.measure(params).test})
        append(self.guided, rows)
        print(f"{self.name}: {points} guided points, {errors(rows)}", flush=True)

    def _row(self, number: int, kind: str, params: dict[str, Param]) -> Row:
        right, nonzero = self.surface.answers(params)
        return {
            "number": number,
            "kind": kind,
            "params": params,
            "search": {task: sum(found[:ITEMS]) for task, found in right.items()},
            "test": {task: sum(found[ITEMS:]) for task, found in right.items()},
            "nonzero": nonzero,
        }

    def _known(self, row: Row) -> Known:
        losses = [-right / ITEMS for right in row["search"].values()]
        if NONZERO in self.surface.objectives:
            losses.append(row["nonzero"])
        params = row["params"]
        return Known(self.at.unit(params), self.at.method(params), tuple(losses))


def append(file: Path, rows: list[Row]) -> None:
    """Add rows to a file."""
    with file.open("a", encoding="utf-8") as opened:
        opened.write("".join(json.dumps(row) + "\n" for row in rows))


def errors(rows: list[Row]) -> str:
    """Return how far emulators were from what was measured then, on test items, in percent."""
    apart = np.array(
        [
            [row["emulator"][task] - right / ITEMS for task, right in row["test"].items()]
            for row in rows
        ]
    )
    return f"RMSE {100 * np.sqrt((apart**2).mean()):.1f}, too high by {100 * apart.mean():.1f}"


def read_rows(file: Path) -> Iterator[Row]:
    """Yield the rows of a file; nothing if there is none."""
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def collect(folder: Path, names: list[str], share: float) -> None:
    """Measure until every surface has its share of points, the one furthest behind first."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {name: round(POINTS[name] * share) for name in names}
    collections = [Collection(name, folder) for name in names]
    while behind := [c for c in collections if len(c.rows) < wanted[c.name]]:
        next_one = min(behind, key=lambda c: len(c.rows) / wanted[c.name])
        start = time.process_time()
        points = min(AT_ONCE, wanted[next_one.name] - len(next_one.rows))
        next_one.measure(points)
        spent = (time.process_time() - start) / points
        print(f"{next_one.name}: {len(next_one.rows)} points, {spent:.2f} CPU s each", flush=True)


def pack(folder: Path, names: list[str]) -> None:
    """Write the points measured so far into data/, with the parents, measured once."""
    for name in names:
        rows = list(read_rows(folder / f"{name}.jsonl"))
        chosen = list(read_rows(folder / f"{name}.guided.jsonl"))
        if not rows:
            continue
        file = folder / f"{name}.parents.json"
        if not file.exists():
            surface = RealSurface(SURFACES[name])
            found = {"values": surface.parents, "points": surface.parent_points}
            file.write_text(json.dumps(found), encoding="utf-8")
        parents = json.loads(file.read_text(encoding="utf-8"))
        save(SURFACES[name], rows + chosen, (ITEMS, ITEMS), parents, len(chosen))
        print(f"{name}: {len(rows)} points, {len(chosen)} guided ones")


def main() -> None:
    """Collect or pack."""
    parser = argparse.ArgumentParser(description="Measure real merges for the emulators.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--surfaces", nargs="+", choices=list(SURFACES), default=list(SURFACES))
    parser.add_argument("--share", type=float, default=1.0, help="of the planned points")
    parser.add_argument("--pack", action="store_true", help="write data/ of what is there")
    parser.add_argument("--guided", type=int, default=0, help="points where emulators point to")
    given = parser.parse_args()
    if given.pack:
        pack(given.folder, given.surfaces)
    elif given.guided:
        for name in given.surfaces:
            Collection(name, given.folder).measure_guided(given.guided)
    else:
        collect(given.folder, given.surfaces, given.share)


if __name__ == "__main__":
    main()
