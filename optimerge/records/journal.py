"""Optuna's journal file, of which a write that fails leaves nothing, and waits for room."""

import json
import os
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import get_lock_file

from optimerge.records.full_disk import patiently


class PatientJournal(JournalFileBackend):
    """A journal whose lines are written whole or not at all.

    Optuna's leaves half a line where the disk is full, and the next line after it makes the whole
    file unreadable.
    """

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append lines; they are on the disk when it returns."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        patiently(Path(self._file_path), lambda: self._append(lines))

    def _append(self, lines: bytes) -> None:
        with get_lock_file(self._lock), open(self._file_path, "ab", buffering=0) as file:
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
