"""Notes how far the writing of a checkpoint has come, so that a killed one goes on.

The journal is a file of JSON lines in the folder in which the checkpoint is built: first the key
of what is written, then a mark each time that more tensors are on the disk for good. It is locked
by the process that writes; the lock is the operating system's and ends with the process, also
after kill -9.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from optimerge.checkpoint.staging import DiskError

JOURNAL = "building.jsonl"

Key = Mapping[str, str]
"""All that the bytes depend on, by what people call it."""


@dataclass(frozen=True)
class Mark:
    """The first `tensors` tensors are written and on the disk."""

    tensors: int
    digest: str
    """SHA-256 of the bytes of those that the mark before did not count, in order."""
    state: str
    """What the caller needs to go on behind them: the state of a random stream."""


class Journal:
    """An open, locked journal."""

    def __init__(self, file: FileIO, path: Path) -> None:
        self._file = file
        self._path = path
        self.key: Any = None
        """As the file has it; None: it has none."""
        self.marks: list[Mark] = []
        self._ends: list[int] = []
        end = 0
        for line in file.readall().split(b"\n")[:-1]:
            end += len(line) + 1
            try:
                row = json.loads(line)
                if self._ends:
                    self.marks.append(Mark(**row))
                else:
                    self.key = row["key"]
            except (ValueError, TypeError, KeyError):
                return  # spoilt: what follows is not believed
            self._ends.append(end)

    def begin(self, key: Key) -> None:
        """Forget everything and note the key."""
        self.key, self.marks, self._ends = key, [], []
        self._file.truncate(0)
        self._append({"key": key})

    def cut(self, marks: int) -> None:
        """Forget all but the first marks, and what a kill left half written behind them."""
        del self.marks[marks:], self._ends[marks + 1 :]
        self._file.truncate(self._ends[-1])

    def add(self, mark: Mark) -> None:
        """Append a mark, durably."""
        self._append(asdict(mark))
        self.marks.append(mark)

    def close(self, *, remove: bool) -> None:
        """Unlock it, after having removed it and its folder if that is empty otherwise."""
        with self._file:
            if remove:
                with suppress(OSError):  # another writer may have made its own there
                    self._path.unlink()
                    self._path.parent.rmdir()

    def _append(self, row: dict[str, Any]) -> None:
        line = json.dumps(row).encode() + b"\n"
        end = self._file.seek(0, os.SEEK_END) + len(line)
        while line:  # on a disk that is nearly full a part is written
            line = line[self._file.write(line) :]
        os.fsync(self._file)
        self._ends.append(end)


def open_journal(folder: Path, target: Path) -> Journal:
    """Open and lock the journal in `folder`, making both; DiskError if `target` is being built."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = FileIO(os.open(folder / JOURNAL, os.O_RDWR | os.O_CREAT, 0o666), "r+")
        except FileNotFoundError:
            continue  # another process has just finished and removed the folder
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise DiskError(
                f"{str(target)!r} is being written by another process; "
                "wait for it, or name another folder"
            ) from None
        except OSError:
            file.close()
            raise
        if _is_there(file, folder / JOURNAL):
            return Journal(file, folder / JOURNAL)
        file.close()


def _is_there(file: FileIO, path: Path) -> bool:
    """Whether the locked file still has its name: its folder may just have been removed."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
