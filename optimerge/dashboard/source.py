"""A run that is looked at again and again: its storage is read only when it has changed."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from optimerge.dashboard.opening import close_seen, journal_of, open_seen, why
from optimerge.dashboard.snapshot import Snapshot, look, signature
from optimerge.errors import OptimergeError, RunError
from optimerge.records.keys import JOURNAL
from optimerge.records.plain import one_line
from optimerge.records.run import Run, url_of
from optimerge.records.secrets import redacted, redacted_text

Made = TypeVar("Made")

FRESH = 1.0
"""Seconds for which a look at a database holds; a journal is only asked for its size."""


class GoneError(RunError):
    """A run that cannot be read now; it may be back later."""


class Source:
    """One run of the dashboard; for any number of threads."""

    def __init__(self, key: str, folder: Path, url: str = "") -> None:
        """Open it; GoneError if it cannot be read."""
        self.key, self.folder, self.url = key, folder, url
        self._journal = journal_of(folder, url)
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._seen: tuple[int, ...] = ()
        """What the journal's file was when it was last read."""
        self._looked = 0.0
        self._signature: tuple[Any, ...] = ()
        self._snapshot: Snapshot | None = None
        self._version = int(time.time() * 1000)
        self._kept: dict[str, tuple[Any, Any]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self.now()

    @property
    def name(self) -> str:
        """The run folder's name."""
        return self.folder.resolve().name

    def now(self) -> Snapshot:
        """Return the run as it is; GoneError with one sentence if it cannot be read."""
        with self._lock:
            try:
                self._look()
            except Exception as error:  # of files, drivers and records: it may be back later
                self._drop()
                raise GoneError(one_line(redacted_text(self._said(error)))) from error
            assert self._snapshot is not None
            return self._snapshot

    def kept(self, what: str, tag: Any, make: Callable[[], Made]) -> Made:
        """Return what `make` makes, made once for each `tag`; others who ask meanwhile wait."""
        with self._lock:
            lock = self._locks.setdefault(what, threading.Lock())
        with lock:
            found = self._kept.get(what)
            if found is None or found[0] != tag:
                found = (tag, make())
                self._kept[what] = found
            return cast("Made", found[1])

    def last(self, what: str) -> Any:
        """Return what was last made under that name, of whatever tag; None if nothing was."""
        found = self._kept.get(what)
        return None if found is None else found[1]

    def close(self) -> None:
        """Close the storage; the next look opens it again."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        run, self._run, self._seen, self._looked = self._run, None, (), 0.0
        if run is not None:
            close_seen(run)

    def _said(self, error: Exception) -> str:
        if isinstance(error, OptimergeError):
            return str(error)
        if isinstance(error, FileNotFoundError):
            return f"{self.folder}: holds no run ({JOURNAL} is not there)"
        if isinstance(error, OSError):
            return f"{self.folder}: cannot be read ({error.strerror or error})"
        url = url_of(self.folder, self.url)
        where = redacted(url) if url else self.folder
        return f"{where}: cannot be read ({why(error, url)})"

    def _look(self) -> None:
        """Read the storage if it may have changed."""
        if self._journal is not None:
            kept = os.stat(self._journal)
            seen: tuple[int, ...] = (kept.st_dev, kept.st_ino, kept.st_size, kept.st_mtime_ns)
            if self._run is not None and seen == self._seen:
                return
            other = self._seen[:2] != seen[:2] or seen[2] < self._seen[2]
            if other:
                self._drop()
            self._seen = ()
        else:
            seen = ()
            if self._run is not None and time.monotonic() - self._looked < FRESH:
                return
        if self._run is None:
            self._run = open_seen(self.folder, self.url)
        found = signature(self._run)
        if (
            self._snapshot is None
            or self._snapshot.run is not self._run
            or found != self._signature
        ):
            self._version = max(self._version + 1, int(time.time() * 1000))
            self._snapshot = look(self._run, self._version)
            self._signature = found
        self._seen, self._looked = seen, time.monotonic()


class Sources:
    """The runs of one dashboard, by key: r0, r1, ..."""

    def __init__(self, folders: "list[Path]", url: str = "") -> None:
        """Open them; GoneError of the first that cannot be read."""
        self.all = {f"r{n}": Source(f"r{n}", each, url) for n, each in enumerate(folders)}

    def close(self) -> None:
        """Close the storages."""
        for source in self.all.values():
            source.close()
