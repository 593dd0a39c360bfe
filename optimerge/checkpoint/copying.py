"""Copies files of one model's folder into another's."""

import shutil
from fnmatch import fnmatch
from pathlib import Path

from optimerge.errors import CheckpointError

REFUSED = ("*.py", "*.pyc", "*.so", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
"""Code and pickles, whatever else their names match: `tokenizer_x.py` is code."""


def is_refused(name: str) -> bool:
    """Whether a file of that name is never copied."""
    return any(fnmatch(name, pattern) for pattern in REFUSED)


def copy_content(file: Path, folder: Path, target: Path) -> None:
    """Copy the content of a file that a walk over `folder` found; not its permissions.

    Links are followed inside the folder and, in the Hub's cache, to where that keeps its files:
    CheckpointError for one that leads elsewhere, as a stranger's folder could publish any file of
    this machine so.
    """
    place, inside = file.resolve(), folder.resolve()
    roots = [inside]
    if inside.parent.name == "snapshots":
        roots.append(inside.parent.parent / "blobs")
    if not any(place.is_relative_to(root) for root in roots):
        raise CheckpointError(
            f"{str(file)!r} is a link out of the model's folder, to {str(place)!r}, and is not "
            "copied into another model; put the file itself there"
        )
    shutil.copyfile(place, target)
