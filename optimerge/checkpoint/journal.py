"""Notes how far the writing of a checkpoint has come, so that a killed one goes on.

The journal stands in the partial folder: a line with the key of what is written, then a line
each time that more tensors are on the disk for good. It is locked by the process that writes;
the lock is the operating system's and ends with the process, also after kill -9.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path

from optimerge.errors import CheckpointError

JOURNAL = "building.jsonl"


@dataclass(frozen=True)
class Mark:
    """The first `tensors` tensors are written and on the disk."""

    tensors: int
    digest: str
    """SHA-256 of the bytes of those that the mark before did not count, in order."""
    state: str
    """What the caller needs to go on behind them: the state of a random stream."""


def open_journal(folder: Path, target: Path) -> FileIO:
    """Open and lock the journal of a partial folder, making both; CheckpointError if in use."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = FileIO(os.open(folder / JOURNAL, os.O_RDWR | os.O_CREAT, 0o666), "r+")
        except FileNotFoundError:
            continue  # the folder was finished and renamed in between
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise CheckpointError(
                f"{str(target)!r} is being written by another process; "
                "wait for it, or name another folder"
            ) from None
        if _is_there(file, folder / JOURNAL):
            return file
        file.close()


def _is_there(file: FileIO, path: Path) -> bool:
    """Whether the locked file still has its name: its folder may just have been finished."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def read_marks(file: FileIO, key: str) -> list[Mark]:
    """Return the marks of a journal; [] if it is of another key. A torn last line is left out."""
    file.seek(0)
    lines = file.readall().split(b"\n")[:-1]
    try:
        if not lines or json.loads(lines[0]) != {"key": key}:
            return []
        return [Mark(**json.loads(line)) for line in lines[1:]]
    except (ValueError, TypeError):
        return []


def start_journal(file: FileIO, key: str, marks: list[Mark]) -> None:
    """Make the journal hold the key and these marks only."""
    file.truncate(0)
    file.seek(0)
    _write(file, {"key": key}, *map(asdict, marks))


def add_mark(file: FileIO, mark: Mark) -> None:
    """Append a mark, durably."""
    _write(file, asdict(mark))


def _write(file: FileIO, *rows: dict[str, object]) -> None:
    file.write("".join(json.dumps(row) + "\n" for row in rows).encode())
    os.fsync(file.fileno())
