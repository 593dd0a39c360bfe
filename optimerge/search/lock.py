"""Who is at work in a run folder: any number of searches that share the work, one soup or one test.

The locks are the operating system's: they end with the process, also after kill -9. They only keep
processes of one machine apart (or those of one network file system that has locks); nothing that is
recorded depends on them.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import IO

from optimerge.errors import RunError
from optimerge.records.keys import LOCK, WORKERS

_PATIENCE, _PAUSE = 2.0, 0.05
"""Seconds: `status` looks at the lock by taking it for a moment."""


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the run folder alone; RunError if another process holds it."""
    with (folder / LOCK).open("a") as file:
        if not _locked(file, fcntl.LOCK_EX):
            raise RunError(
                f"{folder}: a search is at work in this run folder; wait for it, "
                "or give another --run-dir"
            )
        yield


@contextmanager
def joined(folder: Path, index: int | None = None) -> Iterator[int]:
    """Hold the run folder together with other searches; give the worker's index.

    That is `index`, or the first that no search of this machine has there. RunError if a process
    holds the folder alone.
    """
    with ExitStack() as held:
        file = held.enter_context((folder / LOCK).open("a"))
        if not _locked(file, fcntl.LOCK_SH):
            raise RunError(
                f"{folder}: another search is at work in this run folder alone (`optimerge soup` "
                "or `test`); wait for it, or give another --run-dir"
            )
        (folder / WORKERS).mkdir(exist_ok=True)
        for number in count(index or 0):
            own = held.enter_context((folder / WORKERS / f"{number}.lock").open("a"))
            if _locked(own, fcntl.LOCK_EX, patience=0.0) or number == index:
                yield number
                return


@contextmanager
def making_the_run(folder: Path) -> Iterator[None]:
    """Hold what only one at a time may do in a run folder: make the run."""
    (folder / WORKERS).mkdir(exist_ok=True)
    with (folder / WORKERS / "making.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _locked(file: IO[str], how: int, patience: float = _PATIENCE) -> bool:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_PAUSE)
        else:
            return True
