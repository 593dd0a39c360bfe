"""Runs what is not kept yet: cheap samplers first, and by seeds, so that a part is of use."""

import sys
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from benchmarks.quality.contest import Contestant
from benchmarks.quality.lookup import REAL, surface_named
from benchmarks.quality.play import play
from benchmarks.quality.records import Kept, Key, append, kept_runs
from benchmarks.surfaces.surface import Surface


class Task(NamedTuple):
    """A run to do."""

    surface: str
    contestant: Contestant
    seed: int
    trials: int
    real: bool

    @property
    def key(self) -> Key:
        """The key that its run is kept under."""
        name = self.surface + REAL if self.real else self.surface
        return Key(name, self.contestant.label, self.seed)


def missing(tasks: Sequence[Task], kept: dict[Key, Kept], *, again: bool) -> list[Task]:
    """Return the tasks that no kept run does, in the order to do them in.

    A longer run does for a shorter one; a failed one is not tried again unless asked for.
    """

    def done(task: Task) -> bool:
        run = kept.get(task.key)
        return run is not None and run.trials >= task.trials and not (again and run.failure)

    left = [task for task in tasks if not done(task)]
    return sorted(left, key=lambda t: (t.contestant.cost, t.seed))


def run_all(
    folder: Path,
    surfaces: Sequence[str],
    contestants: Sequence[Contestant],
    seeds: Sequence[int],
    trials: int,
    *,
    jobs: int = 1,
    real: bool = False,
    again: bool = False,
) -> None:
    """Do all runs that the folder lacks; each is kept when it is done, by this process."""
    for name in surfaces:
        _surface(name, real)  # a name that is not known ends it here, not at night
    tasks = [
        Task(name, contestant, seed, trials, real)
        for contestant in contestants
        for name in surfaces
        for seed in seeds
    ]
    left = missing(tasks, kept_runs(folder), again=again)
    print(f"{len(tasks)} runs, {len(tasks) - len(left)} of them kept", file=sys.stderr)
    if jobs == 1:
        for place, task in enumerate(left, 1):
            _keep(folder, _do(task), f"{place}/{len(left)}")
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting: set[Future[Kept]] = set()
        for place, task in enumerate(left, 1):
            waiting.add(pool.submit(_do, task))
            if len(waiting) > jobs or place == len(left):
                done, waiting = wait(
                    waiting, return_when=FIRST_COMPLETED if place < len(left) else "ALL_COMPLETED"
                )
                for future in done:
                    _keep(folder, future.result(), f"{place - len(waiting)}/{len(left)}")


@lru_cache(maxsize=16)
def _surface(name: str, real: bool) -> Surface:
    return surface_named(name, real=real)


def _do(task: Task) -> Kept:
    run = play(_surface(task.surface, task.real), task.contestant, task.seed, task.trials)
    return replace(run, surface=task.key.surface)


def _keep(folder: Path, run: Kept, place: str) -> None:
    append(folder, run)
    took = sum(run.seconds)
    end = f"FAILED {run.failure}" if run.failure else f"{took:.1f} CPU s of proposals"
    print(f"{place} {run.surface} {run.label} seed {run.seed}: {end}", file=sys.stderr, flush=True)
