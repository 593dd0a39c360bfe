"""Whether a process of this machine is at work in a run folder."""

import fcntl
from pathlib import Path

from optimerge.records.keys import LOCK


def held(folder: Path) -> bool:
    """Whether a process on this machine holds a run folder's lock, alone or with others."""
    path = folder / LOCK
    if not path.exists():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
