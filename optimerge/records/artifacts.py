"""Keeps a run's files that are no trial records: evidence and prompts.

    runs/NAME/evidence/            the default: in the run folder
    URL/NAME-DIGEST/               with --artifacts URL: where every machine can read them

A store elsewhere may be away. What is to be written is tried again for a while (`AWAY`); then it
waits in the run folder of the machine that made it, which is said, logged and recorded with the
trial, and the search goes on. Before every later file, at the end of the search and at the
beginning of the next one in that folder, what waits there is brought to the store.
"""

import io
import logging
import re
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from optimerge.errors import RunError
from optimerge.records.full_disk import pause, say
from optimerge.records.stores import Fill, InFolder, Store, StoreError, ready

log = logging.getLogger(__name__)

FOLDER = "evidence"
"""Of a run folder."""
AWAY = 60.0
"""Seconds that a file waits for a store that is away before the search goes on without."""
PAUSE = 5.0
"""Seconds between two attempts."""
MOST_BYTES = 1 << 29
"""Of a file that waits."""
_OURS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(?:\.npz|\.jsonl\.gz)", re.ASCII)
_PROBE = "_run.txt"


@dataclass
class Artifacts:
    """The files of one run."""

    local: InFolder
    """In the run folder."""
    store: Store | None = None
    """Elsewhere; None: in the run folder and nowhere else."""
    _away: bool = False
    """Whether the store was away for too long, and has not been back since."""
    _late: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, fill: Fill) -> int:
        """Write a file, whole or not at all, and return its bytes.

        RunError if the disk is full or cannot be written; never for a store that is away.
        """
        if self.store is None:
            return self.local.write(name, fill)
        content = io.BytesIO()
        fill(content)
        data = content.getvalue()
        try:
            self._bring_waiting()
            self._patiently(name, data)
        except StoreError as error:
            self._keep_here(name, data, error)
        return len(data)

    def read(self, name: str, most: int) -> bytes | None:
        """Return a file, None if it is not there; RunError if it cannot be read."""
        found = self.local.read(name, most)  # of one that waits here, the newest there is
        if found is None and self.store is not None:
            found = self.store.read(name, most)
        return found

    def has(self, name: str) -> bool:
        """Whether a file is there, as far as can be seen now."""
        if self.local.has(name):
            return True
        try:
            return self.store is not None and self.store.has(name)
        except StoreError as error:
            log.warning("%s", error)
            return False

    def shown(self, name: str) -> str:
        """Return where a file is, for messages."""
        elsewhere = self.store is not None and not self.local.has(name)
        where = self.store.where if self.store is not None and elsewhere else self.local.where
        return f"{where}/{name}"

    def late(self, name: str) -> str:
        """Return why a file that was written is not in the store, and where; "" if it is."""
        return self._late.get(name, "")

    def check(self) -> None:
        """Try the store, before there is anything to lose; RunError if it cannot be written."""
        if self.store is None:
            return
        ready(self.store)
        text = "Evidence of a run of optimerge: see its `optimerge show RUN TRIAL --items TASK`.\n"
        self.store.write(_PROBE, lambda file: file.write(text.encode()))

    def reach(self) -> str:
        """Try the store; return why it is away, "" if it is there. RunError as of `check`."""
        try:
            self.check()
        except StoreError as error:
            self._away = True
            log.warning("%s", error)
            return str(error)
        return ""

    def bring(self) -> int:
        """Bring what waits in the run folder to the store; return how many files still wait."""
        if self.store is not None:
            try:
                self._bring_waiting(patient=True)
            except StoreError as error:
                log.warning("%s", error)
                return len(self.waiting())
        return 0

    def waiting(self) -> list[str]:
        """Return the names of the files in the run folder that belong to the store."""
        if self.store is None or not self.local.folder.is_dir():
            return []
        files = (f for f in self.local.folder.iterdir() if f.is_file() and not f.is_symlink())
        return sorted(file.name for file in files if _OURS.fullmatch(file.name))

    def _bring_waiting(self, *, patient: bool = False) -> None:
        for name in self.waiting():
            data = self.local.read(name, MOST_BYTES)
            if data is None:  # another worker of this folder brought it
                continue
            if patient:
                self._patiently(name, data)
            else:
                self._put(name, data)
            self.local.path(name).unlink(missing_ok=True)
            self._late.pop(name, None)

    def _patiently(self, name: str, data: bytes) -> None:
        """Write to the store, again and again for a while; StoreError if it stays away."""
        began, said = time.monotonic(), False
        while True:
            try:
                self._put(name, data)
            except StoreError as error:
                over = self._away or time.monotonic() - began > AWAY
                if not said and not over:
                    log.warning("%s; trying again", error)
                    say(f"{error}; trying again for {AWAY:g} seconds")
                    said = True
                if over or not pause(PAUSE):
                    self._away = True
                    raise
            else:
                return

    def _put(self, name: str, data: bytes) -> None:
        assert self.store is not None
        try:
            self.store.write(name, lambda file: file.write(data))
        except StoreError:
            raise
        except RunError as error:  # a folder's own, of a disk that is full or gone
            if not isinstance(self.store, InFolder):
                raise
            raise StoreError(str(error)) from error
        if self._away:
            self._away = False
            say(f"{self.store.where}: is back")

    def _keep_here(self, name: str, data: bytes, error: StoreError) -> None:
        self._away = True
        first = not self.waiting()
        self.local.write(name, lambda file: file.write(data))
        self._late[name] = f"{error}; it waited on {socket.gethostname()} in {self.local.where}"
        log.warning("%s waits in %s: %s", name, self.local.where, error)
        if first:
            say(f"{error}; evidence waits in {self.local.where}, and is brought there later")


def artifacts_in(folder: Path) -> Artifacts:
    """Return what keeps the files of a run in its folder."""
    return Artifacts(InFolder(folder / FOLDER))
