"""What lies in a folder: runs and search spaces, found without reading them whole."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from optimerge.records.keys import JOURNAL, LOCK, WORKERS
from optimerge.records.storage import STORAGE_VARIABLE

RUNS, SPACES = "runs", "search_spaces"
"""Folders in which runs and search spaces are looked for."""
_MOST = 500
"""Entries of a folder that are looked at."""
_READ = 1 << 16
"""Bytes of a file that are looked at."""
_OBJECTIVES = re.compile(rb"^objectives\s*:", re.MULTILINE)
_MERGE = re.compile(rb"^(merge_method|slices|models|modules)\s*:", re.MULTILINE)


def is_run(folder: Path) -> bool:
    """Whether a search has begun in a folder: in its journal, or in a database.

    Locks alone are what a search left that failed before its run was made, unless the environment
    names a database.
    """
    if (folder / JOURNAL).is_file():
        return True
    if not (folder / LOCK).is_file():
        return False
    return STORAGE_VARIABLE in os.environ or any(
        each.name not in (LOCK, WORKERS) for each in _entries(folder)
    )


def runs_in(folder: Path) -> list[Path]:
    """Return the run folders directly in a folder, the one at work last first."""
    found = [path for path in _entries(folder) if is_run(path)]
    return sorted(found, key=_written, reverse=True)


def spaces_in(folder: Path) -> list[Path]:
    """Return the files directly in a folder that look like search spaces, by name."""
    return [path for path in _entries(folder) if is_space(path)]


def is_space(file: Path) -> bool:
    """Whether a file looks like a search space: a merge, and what to score it by."""
    if file.suffix not in (".yaml", ".yml") or not file.is_file():
        return False
    try:
        with file.open("rb") as opened:
            text = opened.read(_READ)
    except OSError:
        return False
    return bool(_OBJECTIVES.search(text) and _MERGE.search(text))


def _entries(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())[:_MOST]
    except OSError:  # not there, no folder, not ours to read
        return


def _written(run: Path) -> float:
    try:
        return max((run / n).stat().st_mtime for n in (JOURNAL, LOCK) if (run / n).is_file())
    except (OSError, ValueError):
        return 0.0
