"""Keeps a second search out of a run folder while one is at work in it.

The lock is the operating system's: it ends with the process, also after kill -9.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optimerge.errors import RunError
from optimerge.records.activity import LOCK


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the run folder; RunError if another process holds it."""
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{folder}: another search is at work in this run folder; wait for it, "
                "or give another --run-dir"
            ) from None
        yield
