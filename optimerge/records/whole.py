"""Files of a run folder that are written whole or not at all; what a full disk does to that."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from optimerge.errors import RunError
from optimerge.records.full_disk import is_full


@contextmanager
def written_whole(path: Path, *, make: bool = True) -> Iterator[IO[bytes]]:
    """Give a file that takes the place of `path`, on the disk, if all goes well.

    `make`: its folder too, if it is not there.
    RunError if the disk is full or cannot be written; nothing is left of the attempt.
    """
    draft = path.with_suffix(f".{os.getpid()}.draft")
    try:
        if make:
            path.parent.mkdir(exist_ok=True)
        try:
            draft.unlink(missing_ok=True)
            with draft.open("xb") as file:  # never through a link that somebody put there
                yield file
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(cannot_write(path, error)) from error


def cannot_write(path: Path, error: OSError) -> str:
    """Say that a part of a run cannot be written, and what to do."""
    why = error.strerror or str(error)
    remedy = "make room there" if is_full(error) else "make it writable"
    return (
        f"{path}: cannot be written ({why}); {remedy}, and run the same command again: the trial "
        "is repeated, earlier ones are kept"
    )
