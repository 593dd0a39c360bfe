"""The place of a new checkpoint: it is built beside its target and put there in one step."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optimerge.errors import CheckpointError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says where no room is left."""


class DiskError(CheckpointError):
    """The place that is written to is full, not writable, or in use."""


def staging(target: Path) -> Path:
    """Return the hidden folder beside `target` in which it is built: the same for every build."""
    return target.with_name(f".{target.name}.partial")


def check_free(target: Path) -> None:
    """Raise CheckpointError if something is in the way of `target`; an empty folder is not."""
    if not target.name:
        raise CheckpointError(f"{str(target)!r} cannot be written to; name a new folder in it")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise CheckpointError(
            f"{str(target)!r} exists and is a file or a link; name another folder or remove it"
        )
    if target.is_dir() and any(target.iterdir()):
        raise CheckpointError(
            f"{str(target)!r} exists and is not empty; name another folder or remove it"
        )


def publish(folder: Path, target: Path) -> None:
    """Make `folder` the `target`, durably: files first, then the name."""
    for place, _, files in os.walk(folder, topdown=False):
        for name in files:
            sync(Path(place) / name)
        sync(Path(place))
    check_free(target)  # again: the merge may have taken an hour
    folder.rename(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_errors(target: Path, needed: int) -> Iterator[None]:
    """Turn errors of the disk into a DiskError; `needed` bytes are being written."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskError(
                f"the disk of {str(target)!r} is full: {needed} bytes are needed, "
                f"{free_bytes(target)} bytes are free; free some, or name a folder on another disk"
            ) from error
        raise DiskError(
            f"{str(target)!r} cannot be written to ({error}); "
            "check its permissions, or name another folder"
        ) from error


def free_bytes(target: Path) -> int:
    """Return the free bytes of the disk on which a folder is, or is going to be."""
    place = next(parent for parent in (target, *target.parents) if parent.exists())
    return shutil.disk_usage(place).free
