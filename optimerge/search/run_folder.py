"""The folder of a run that is to be made; a search that fails before leaves none that it made."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from optimerge.records.keys import LOCK, LOG, WORKERS
from optimerge.records.run import make_writable


@dataclass
class RunFolder:
    """A folder that can be written."""

    holds_run: bool = False
    """Whether the run is there, in the folder or a database: then nothing is taken away."""


@contextmanager
def run_folder(folder: Path) -> Iterator[RunFolder]:
    """Make the folder if need be; RunError if it cannot be written.

    Where what is inside fails before `holds_run` is set, a folder that was made here is taken away
    again, with its parents that were. It stays where it holds more than locks and logs, or where
    another process is at work in it.
    """
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    made = RunFolder()
    try:
        make_writable(folder)
        yield made
    except BaseException:
        if folder in new and not made.holds_run:
            with suppress(OSError):  # it stays: what failed before is what is told
                _take_away(folder)
                for each in new[1:]:
                    each.rmdir()
        raise


def _take_away(folder: Path) -> None:
    """Remove a folder of locks and logs; OSError where it holds more, or is held."""
    logs = [*folder.glob(LOG), *folder.glob(f"{WORKERS}/*.lock"), *folder.glob(f"{WORKERS}/*.txt")]
    ours = {folder / LOCK, folder / WORKERS, *logs}
    if not ours.issuperset(folder.rglob("*")):
        return
    with (folder / LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for each in logs:
            each.unlink()
        with suppress(FileNotFoundError):
            (folder / WORKERS).rmdir()
        (folder / LOCK).unlink()
        folder.rmdir()
