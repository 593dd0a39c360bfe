"""What is kept of runs: one line of JSON a run, in `runs.jsonl` of a folder.

A line is written whole, under a lock, when its run is done; what a kill left of one is cut off. So
several processes may write, and a benchmark that was stopped goes on where it was. Runs that took
hours are packed into files beside it, which are read too and never written to.
"""

import fcntl
import json
import lzma
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from optimerge.errors import RunError
from optimerge.records.types import Direction
from optimerge.space.ranges import Param

FORMAT = 1
FILE = "runs.jsonl"
PACKS = "*.jsonl.xz"
Row = list[float | None] | None
"""A point's numbers, a column an objective; None: its merge failed."""


class Key(NamedTuple):
    """What a run is; the label names sampler, start and lag."""

    surface: str
    label: str
    seed: int


@dataclass(frozen=True)
class Kept:
    """A run: a row for each merge in the lists, columns as `dimensions` and `objectives`."""

    surface: str
    label: str
    seed: int
    trials: int
    """Merges that were asked for."""
    objectives: dict[str, Direction]
    parents: dict[str, dict[str, list[float | None]]]
    """By parent `values`, `stderr`, `test`."""
    dimensions: list[str] = field(default_factory=list)
    params: list[list[Param | None]] = field(default_factory=list)
    """None: not a dimension of that point's method."""
    values: list[Row] = field(default_factory=list)
    """None: the merge failed."""
    stderr: list[Row] = field(default_factory=list)
    test: list[Row] = field(default_factory=list)
    origin: list[str] = field(default_factory=list)
    """`start` or `sampler`."""
    seconds: list[float] = field(default_factory=list)
    """CPU seconds of each proposal."""
    failure: str = ""
    """Why the sampler failed; what it did before is kept."""

    @property
    def key(self) -> Key:
        """Its key."""
        return Key(self.surface, self.label, self.seed)


def append(folder: Path, run: Kept) -> None:
    """Add a run to a folder's file."""
    folder.mkdir(parents=True, exist_ok=True)
    append_line(folder / FILE, _data(run))


def pack(runs: Iterable[Kept], path: Path) -> None:
    """Write runs into a file that a folder may have beside its own; same runs, same bytes."""
    with lzma.open(path, "wb", preset=9) as file:
        for run in sorted(runs, key=lambda run: run.key):
            file.write(_line(_data(run)))


def _data(run: Kept) -> dict[str, Any]:
    return {"format": FORMAT, **asdict(run)}


def _line(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def append_line(path: Path, data: Mapping[str, Any]) -> None:
    """Add a line of JSON to a file, alone at it; a torn last line is cut off first."""
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(_whole(file))
        file.write(_line(data))


def whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what a file's whole lines say; nothing of a file that there is not."""
    if not path.exists():
        return
    with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def _whole(file: Any) -> int:
    """Return the length of the file's whole lines."""
    end = int(file.seek(0, 2))
    while end:
        start = max(0, end - 65536)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + int(newline) + 1
        end = start
    return 0


def kept_runs(folder: Path) -> dict[Key, Kept]:
    """Return the folder's runs; of several of one key the longest, then the latest.

    RunError for a line of another format.
    """
    found: dict[Key, Kept] = {}
    files = (*sorted(folder.glob(PACKS)), folder / FILE)
    for run in chain.from_iterable(map(_lines, files)):
        before = found.get(run.key)
        if before is None or len(run.values) >= len(before.values):
            found[run.key] = run
    return found


def _lines(path: Path) -> Iterator[Kept]:
    for number, data in enumerate(whole_lines(path), 1):
        if data.pop("format", None) != FORMAT:
            raise RunError(
                f"{path}: line {number} is of another format than {FORMAT}; keep runs of "
                "another version in a folder of their own"
            )
        yield Kept(**data)
