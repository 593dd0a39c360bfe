"""From a run to its curves: hypervolume after each merge, on search values and on test values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.records import Kept, Key, Row
from benchmarks.surfaces.bounds import best_known
from optimerge.front.dominance import non_dominated
from optimerge.front.hypervolume import history, hypervolume
from optimerge.front.losses import to_loss
from optimerge.front.reference import reference_point
from optimerge.records.types import Direction

Array = NDArray[np.float64]

FILE = "curves.jsonl"


@dataclass(frozen=True)
class Curve:
    """A run's hypervolumes after 0 (the parents alone), 1, 2, … merges, and its final front."""

    search: list[float]
    """Of everything so far, by the values that the search saw."""
    test: list[float]
    """Of the front by the values that the search saw, measured by test values."""
    front: list[list[float]]
    """Test losses of the run's final front by test values: for the best known."""
    seen: list[list[float]]
    """Search losses of its final front by search values."""


def losses_of(rows: Sequence[Row], directions: Sequence[Direction]) -> Array:
    """Return losses [n, m] of rows of values; NaN for those that failed."""
    found = np.full((len(rows), len(directions)), np.nan)
    for place, row in enumerate(rows):
        if row is not None:
            pairs = zip(row, directions, strict=True)
            found[place] = [
                np.nan if value is None else to_loss(value, direction) for value, direction in pairs
            ]
    return found


def curve_of(run: Kept) -> Curve:
    """Return a run's curves. Parents count as merges that everybody has before the first."""
    directions = list(run.objectives.values())
    parents = list(run.parents.values())
    of_parents = {k: losses_of([p[k] for p in parents], directions) for k in ("values", "test")}
    search = np.concatenate((of_parents["values"], losses_of(run.values, directions)))
    test = np.concatenate((of_parents["test"], losses_of(run.test, directions)))
    corner = reference_point(of_parents["values"])
    test_corner = reference_point(of_parents["test"])
    first = len(parents)
    tested = tested_history(search, test, test_corner, first)
    return Curve(
        history(search, corner)[first - 1 :].tolist(),
        tested,
        test[non_dominated(test)].tolist(),
        search[non_dominated(search)].tolist(),
    )


def tested_history(search: Array, test: Array, corner: Array, first: int) -> list[float]:
    """Return the test hypervolume of the front by search values of the first rows, then of more.

    It may fall: a member that the search took for better can be worse on test items.
    """
    found: list[float] = []
    last: bytes = b""
    for count in range(first, len(search) + 1):
        mask = non_dominated(search[:count])
        members = np.flatnonzero(mask).tobytes()
        if members != last or not found:
            found.append(hypervolume(test[:count][mask], corner))
        else:
            found.append(found[-1])
        last = members
    return found


def curves_of(folder: Path, runs: Mapping[Key, Kept]) -> dict[Key, Curve]:
    """Return the curves of all runs without a failure; kept in the folder, as they take time."""
    path = folder / FILE
    kept: dict[str, Curve] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            data = json.loads(line)
            kept[data.pop("of")] = Curve(**data)
    found, new = {}, []
    for key, run in runs.items():
        if run.failure:
            continue
        digest = blake2b(repr(run).encode(), digest_size=12).hexdigest()
        if digest not in kept:
            kept[digest] = curve_of(run)
            new.append(json.dumps({"of": digest, **asdict(kept[digest])}))
        found[key] = kept[digest]
    if new:
        with path.open("a") as file:
            file.write("\n".join(new) + "\n")
    return found


@dataclass(frozen=True)
class Unit:
    """What gains of a surface are stated in: the parents' hypervolume and the best known one."""

    parents: float
    best: float

    def gain(self, volume: float) -> float:
        """Return a hypervolume as a share of what there is to gain."""
        return (volume - self.parents) / max(self.best - self.parents, 1e-12)


def units_of(surface: str, runs: Sequence[Kept], curves: Sequence[Curve]) -> tuple[Unit, Unit]:
    """Return a surface's units, of search values and of test values."""
    parents = list(runs[0].parents.values())
    directions = list(runs[0].objectives.values())
    bound = best_known(surface)
    made = []
    for column, fronts in (
        ("values", [c.seen for c in curves]),
        ("test", [c.front for c in curves]),
    ):
        own = losses_of([p[column] for p in parents], directions)
        corner = reference_point(own)
        known = np.concatenate([own, *(np.array(front) for front in fronts)])
        best = hypervolume(known, corner)
        if bound is not None:
            best = max(best, hypervolume(bound, corner))
        made.append(Unit(hypervolume(own, corner), best))
    return made[0], made[1]
