"""Says where a run keeps its artifacts: what the user asks for, and what the run has recorded.

A new run takes the URL that is given, or $OPTIMERGE_ARTIFACTS, and records it, without passwords.
From then on the run decides. A run in a database is opened with what it recorded. A journal may
come from a stranger, and so may the URL in it, which is not followed unless the user gives it too.
"""

import os
import re
import socket
from hashlib import blake2b
from pathlib import Path

from optimerge.errors import RunError
from optimerge.records.artifacts import FOLDER, Artifacts
from optimerge.records.secrets import MASK, redacted
from optimerge.records.sound import file_in
from optimerge.records.stores import Fill, InFolder, Store, open_store

ARTIFACTS_VARIABLE = "OPTIMERGE_ARTIFACTS"
"""Environment variable with the URL, for commands and processes that are not told one."""


def new_url(folder: Path, storage: str, given: str) -> str:
    """Return the URL of a new run's artifacts, a folder in the given one; "": its run folder.

    A place holds many runs, also of one name: the folder's name ends in a digest of where the run
    is. `storage`: URL of the database, "" for the journal.
    """
    above = _whole(given or os.environ.get(ARTIFACTS_VARIABLE, ""))
    if not above:
        return ""
    name = folder.resolve().name
    where = redacted(storage) if storage else f"{socket.gethostname()}:{folder.resolve()}"
    digest = blake2b(f"{where}\n{name}".encode(), digest_size=4).hexdigest()
    plain = re.sub(r"[^A-Za-z0-9_.+-]+", "-", name).lstrip(".+-")[:100] or "run"
    return f"{above}/{plain}-{digest}"


def open_artifacts(folder: Path, storage: str, recorded: str, given: str) -> Artifacts:
    """Return what keeps the artifacts of a run that is there; nothing is connected yet.

    `recorded`: what the run says of it. RunError if another place is given.
    """
    local = InFolder(folder / FOLDER)
    if not recorded:
        if given:
            raise RunError(
                f"--artifacts {redacted(given)}: the run keeps its evidence in {local.where}, "
                "since it was started; leave --artifacts out"
            )
        return Artifacts(local)
    above, _, name = recorded.rpartition("/")
    file_in(Path(above), name, "")
    asked, found = _whole(given), _whole(os.environ.get(ARTIFACTS_VARIABLE, ""))
    if asked and redacted(asked) != above:
        raise RunError(
            f"--artifacts {redacted(asked)}: the run keeps its evidence in {above}, since it was "
            "started; give that"
        )
    if not asked and redacted(found) == above:
        asked = found
    if not asked and storage and MASK not in above:
        asked = above
    if asked:
        return Artifacts(local, open_store(f"{asked}/{name}"))
    return Artifacts(local, NotGiven(above))


class NotGiven:
    """A store that the run names, and the user does not: nothing there is touched."""

    def __init__(self, where: str) -> None:
        self.where = where

    def write(self, name: str, fill: Fill) -> int:
        """Raise RunError."""
        raise self._error()

    def read(self, name: str, most: int) -> bytes | None:
        """Raise RunError."""
        raise self._error()

    def has(self, name: str) -> bool:
        """Raise RunError."""
        raise self._error()

    def _error(self) -> RunError:
        return RunError(
            f"the run keeps its evidence in {self.where}, which is used only where you name it "
            f"too: give it with --artifacts, or in {ARTIFACTS_VARIABLE}"
            + (", with its password" if MASK in self.where else "")
        )


def _whole(url: str) -> str:
    """Return a URL as it is recorded: a folder by its whole path."""
    if not url:
        return ""
    store: Store = open_store(url)
    return str(store.folder) if isinstance(store, InFolder) else url.rstrip("/")
