"""Builds a folder beside its target and puts it there in one step."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optimerge.errors import CheckpointError

_FULL = {errno.ENOSPC, errno.EDQUOT}


def stage(target: Path, overwrite: bool) -> Path:
    """Return the folder to build `target` in; CheckpointError if `target` is in the way."""
    _check_free(target, overwrite)
    return target.with_name(f".{target.name}.partial")


def _check_free(target: Path, overwrite: bool) -> None:
    if not target.name:
        raise CheckpointError(f"{str(target)!r} cannot be written to; name a new folder in it")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise CheckpointError(
            f"{str(target)!r} exists and is a file or a link; name another folder or remove it"
        )
    if not target.is_dir() or not any(target.iterdir()):
        return
    if not overwrite:
        raise CheckpointError(
            f"{str(target)!r} exists and is not empty; name another folder, remove it, or ask to "
            "overwrite it"
        )
    if not (target / "config.json").is_file() and not any(target.glob("*.safetensors")):
        # Overwriting removes the whole folder: never one that merely happens to be named.
        raise CheckpointError(
            f"{str(target)!r} holds no model, so it is not overwritten; name another folder"
        )


def publish(folder: Path, target: Path, overwrite: bool) -> None:
    """Make `folder` the `target`, durably: files first, then the name.

    A non-empty target is moved aside and removed after; between the two renames there is nothing
    at its name, and the old model stands at `.<name>.replaced-<pid>`.
    """
    for place, _, files in os.walk(folder, topdown=False):
        for name in files:
            sync(Path(place) / name)
        sync(Path(place))
    _check_free(target, overwrite)  # again: the merge may have taken an hour
    if target.is_dir() and any(target.iterdir()):
        aside = target.with_name(f".{target.name}.replaced-{os.getpid()}")
        target.rename(aside)
        try:
            folder.rename(target)
        except OSError:
            aside.rename(target)
            raise
        shutil.rmtree(aside)
    else:
        folder.rename(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Wait until a file or a folder's list of names is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_errors(target: Path, needed: int) -> Iterator[None]:
    """Turn errors of the disk into a CheckpointError; `needed` bytes are being written, 0: few."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            size = f"{needed} bytes are" if needed else "room for a few small files is"
            raise CheckpointError(
                f"the disk of {str(target)!r} is full: {size} needed, {free_bytes(target)} "
                "bytes are free; free some, or name a folder on another disk"
            ) from error
        raise CheckpointError(
            f"{str(target)!r} cannot be written to ({error}); "
            "check its permissions, or name another folder"
        ) from error


def free_bytes(target: Path) -> int:
    """Return the free bytes of the disk on which a folder is, or is going to be."""
    place = next(parent for parent in (target, *target.parents) if parent.exists())
    return shutil.disk_usage(place).free
