"""What a proposal costs: CPU seconds by trials, dimensions and objectives, and memory.

For each sampler, number of dimensions and of objectives a process of its own, with one thread:
random points of a made-up merge surface are told until there are so many trials, then three
proposals are asked for and told; then on to the next number of trials, in the same process, so
that what a sampler does not give back is seen to pile up.
"""

import gc
import os
import resource
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from benchmarks.quality.markdown import table
from benchmarks.quality.players import Player
from benchmarks.surfaces.synthetic import MergeLike, Synthetic
from optimerge.errors import RunError

PROPOSALS = 3
SHAPES = {6: (3, 1), 24: (3, 4), 100: (5, 10)}
"""Experts and groups of layers, a weight and a density each, by number of dimensions."""


class Cell(NamedTuple):
    """What was measured at a number of trials."""

    seconds: float
    """CPU seconds of a proposal, the median of three."""
    resident: float
    """Megabytes after them."""
    peak: float
    """The most megabytes so far."""


def surface(dimensions: int, objectives: int) -> Synthetic:
    """Return a merge-like surface of a size; the last objective is sparsity.

    RunError for sizes that none is made for.
    """
    if dimensions not in SHAPES or not 2 <= objectives <= 4:
        raise RunError(
            f"no surface of {dimensions} dimensions and {objectives} objectives: give "
            f"--dimensions of {', '.join(map(str, SHAPES))} and --objectives of 2, 3, 4"
        )
    experts, groups = SHAPES[dimensions]
    name = f"overhead{dimensions}x{objectives}"
    kind = MergeLike(name, "exponential", experts, objectives - 1, groups, ("dare_ties",))
    return kind.build()


def measure(
    sampler: str, marks: Sequence[int], dimensions: int, objectives: int, proposals: int = PROPOSALS
) -> list[Cell]:
    """Return what proposals cost at each number of trials, ascending; in this process."""
    problem = surface(dimensions, objectives)
    player, history = Player(problem, sampler, 0), Player(problem, "random", 0)
    player.know_parents()
    told, found = 0, []
    for mark in marks:
        for _ in range(mark - told):
            point = history.ask()[1]
            player.start_with([point])
            trial, params = player.ask()
            player.tell(trial, problem.measure(params))
        seconds = []
        for _ in range(proposals):
            started = time.process_time()
            trial, params = player.ask()
            seconds.append(time.process_time() - started)
            player.tell(trial, problem.measure(params))
        told = mark + proposals
        found.append(Cell(statistics.median(seconds), *_memory()))
    return found


def _memory() -> tuple[float, float]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, peak / 2**10


def overhead(
    samplers: Sequence[str],
    marks: Sequence[int],
    dimensions: Sequence[int],
    objectives: Sequence[int],
) -> None:
    """Print a line for each measured size, and a table for each sampler."""
    head = ["dimensions x objectives", *(f"{n} trials" for n in marks), "MB grown", "peak grown"]
    for sampler in samplers:
        rows = []
        for m in objectives:
            for d in dimensions:
                cells = _alone(sampler, sorted(marks), d, m)
                first, last = cells[0], cells[-1]
                grown = [last.resident - first.resident, last.peak - first.peak]
                seconds = [f"{cell.seconds:.2f}" for cell in cells]
                rows.append([f"{d} x {m}", *seconds, *(f"{g:+.0f}" for g in grown)])
        print(
            f"\n{sampler}: CPU seconds of a proposal, and memory from the first mark to the last\n"
        )
        print(table(head, rows), flush=True)


def _alone(sampler: str, marks: Sequence[int], dimensions: int, objectives: int) -> list[Cell]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, sampler, marks, dimensions, objectives).result()
