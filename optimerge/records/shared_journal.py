"""The study's journal: a file of lines that several processes append to, and any of them may die.

Each line is one operation of Optuna's JournalStorage, as JSON. Lines that are whole never change;
they are only followed by others.

- Who writes holds a lock of the operating system's on the file: it ends with the process, also
  after kill -9. (Optuna's own lock is a file that stays, and costs the others 30 seconds.)
- A last line that a crash or a full disk tore is cut off by the next writer, under that lock, so
  that nothing is ever appended to a piece of a line.
- Where a write fails half way, by a full disk or Ctrl-C, what it wrote is cut off again.
- Who reads takes no lock, and looks only at whole lines.
- Other programs may have appended to a torn line all the same: that line is passed over, but for
  the operation that it ends with, if that one is whole.
"""

import errno
import fcntl
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.storages.journal._file import BaseJournalFileLock, get_lock_file

from optimerge.errors import RunError
from optimerge.records.full_disk import patiently

log = logging.getLogger(__name__)

OPERATION = b'{"op_code":'
"""What every line begins with. Inside a text of JSON its quotes would be escaped."""
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_BLOCK = 1 << 16


class JournalLock(BaseJournalFileLock):
    """Makes its holder the only writer of a journal, and the journal end with a whole line.

    On file systems that have no locks, Optuna's lock by a file beside the journal is used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None
        self._beside: JournalFileOpenLock | None = None
        self.cut = 0
        """Bytes of torn lines that were cut off so far."""

    def acquire(self) -> bool:
        """Wait for the lock, and mend the journal's end; OSError if it cannot be written."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._lock(file)
            self.cut += _cut_torn_line(file)
        except BaseException:
            os.close(file)
            raise
        self._held = file
        return True

    def release(self) -> None:
        """Let the next writer in."""
        file, self._held = self._held, None
        assert file is not None
        os.close(file)  # and the lock with it
        if self._beside is not None:
            self._beside.release()

    def _lock(self, file: int) -> None:
        if self._beside is None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                self._beside = JournalFileOpenLock(str(self._path))
        if self._beside is not None:
            self._beside.acquire()


class SharedJournal(JournalFileBackend):
    """A journal of Optuna's, safe from writers that die: see above.

    RunError where a file was never a journal, or where one that was read grows shorter.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = 0, 0
        """The number of the operation that was not read yet, and where its line begins."""
        self._warned = False
        super().__init__(str(path), lock_obj=JournalLock(path))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append operations, all or none; they are on the disk when it returns.

        While the disk is full this waits, if the search does: see `optimerge.records.full_disk`.
        """
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        patiently(self._path, lambda: self._append(lines))

    def _append(self, lines: bytes) -> None:
        with get_lock_file(self._lock), open(self._path, "ab", buffering=0) as file:
            whole, left = os.fstat(file.fileno()).st_size, memoryview(lines)
            try:
                while left:
                    left = left[file.write(left) :]
                os.fsync(file.fileno())
            except BaseException as error:
                # Also at Ctrl-C between two parts; whole lines others may have read by then.
                if left or isinstance(error, OSError):
                    os.ftruncate(file.fileno(), whole)
                raise

    # Optuna names a Generator, of which it uses what an Iterator has.
    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """Yield the operations from that number on; broken lines have none."""
        number, start = self._next if self._next[0] <= log_number_from else (0, 0)
        with self._path.open("rb") as file:
            data = _whole_lines(file.fileno(), start, self._path)
        for line in data.split(b"\n")[:-1]:
            operation, whole = _operation_of(line)
            if not whole:
                self._broken(start)
            start += len(line) + 1
            if operation is not None:
                number += 1
            self._next = number, start
            if operation is not None and number > log_number_from:
                yield operation

    def _broken(self, at: int) -> None:
        if at == 0:
            raise RunError(f"{self._path}: is not a study journal; give another --run-dir")
        if not self._warned:
            log.warning("%s: a line at byte %d is broken and passed over", self._path, at)
        self._warned = True


def mend(path: Path) -> int:
    """Cut off a last line torn by a crash, unless it is being written; return the bytes cut."""
    lock = JournalLock(path)
    lock.acquire()
    lock.release()
    return lock.cut


def _operation_of(line: bytes) -> tuple[dict[str, Any] | None, bool]:
    """Return a line's operation, None if it has none, and whether the whole line is that."""
    found = _operation(line)
    if found is not None:
        return found, True
    last = line.rfind(OPERATION)
    return (_operation(line[last:]) if last > 0 else None), False


def _operation(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "op_code" in found else None


def _whole_lines(file: int, start: int, path: Path) -> bytes:
    """Return the bytes from `start` to the end of the last line that is whole.

    A torn end may be cut off and written anew while it is read. But what comes before a line's end
    never changes: so the bytes are read after that line's end was seen.
    """
    end = os.fstat(file).st_size
    if end < start:
        raise RunError(f"{path}: was cut off or replaced by another file while it was in use")
    if end > start and os.pread(file, 1, end - 1) != b"\n":
        end = start + os.pread(file, end - start, start).rfind(b"\n") + 1
    return _read(file, start, end)


def _read(file: int, start: int, end: int) -> bytes:
    parts = []
    while start < end and (part := os.pread(file, end - start, start)):
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def _cut_torn_line(file: int) -> int:
    """Cut off the end of a file after its last line's end; return how many bytes that was."""
    size = end = os.fstat(file).st_size
    while end > 0:
        block = max(0, end - _BLOCK)
        found = os.pread(file, end - block, block).rfind(b"\n")
        if found >= 0:
            end = block + found + 1
            break
        end = block
    if end < size:
        os.ftruncate(file, end)
        os.fsync(file)
    return size - end
