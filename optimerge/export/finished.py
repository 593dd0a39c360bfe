"""Tells a finished build from anything else, by a note that it leaves in its folder.

The note is for this machine: it is hidden, and is not published.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optimerge.checkpoint.journal import Key
from optimerge.checkpoint.json_file import read_object
from optimerge.errors import CheckpointError
from optimerge.export.card.write import FILES, Card

NOTE = ".optimerge-build.json"
FORMAT = 1


@dataclass(frozen=True)
class Finished:
    """What a build wrote down when it was done."""

    key: Key
    """All that its bytes depend on."""
    run: str
    """Name of the run that its recipe names; ""."""
    files: dict[str, int]
    """Bytes by name, without the card."""
    card: str
    """Digest of the card and its picture; "" without."""

    def renew(self, folder: Path, card: Card | None) -> None:
        """Write a newer card over that of the build, unless somebody has edited it since."""
        if card is not None and card_digest(folder) == self.card:
            card.write(folder)
            note_finished(folder, self.key, self.run)


def note_finished(folder: Path, key: Key, run: str) -> None:
    """Write the note of a build into its folder, when all else is in it."""
    data = {
        "format": FORMAT,
        "key": dict(key),
        "run": run,
        "files": _sizes(folder),
        "card": card_digest(folder),
    }
    (folder / NOTE).write_text(json.dumps(data, indent=2) + "\n", "utf-8")


def finished_build(folder: Path) -> Finished | None:
    """Return what is known of the finished build in a folder; None if there is none, or less."""
    try:
        data = read_object(folder / NOTE)
    except (FileNotFoundError, NotADirectoryError, CheckpointError):
        return None
    key: Any = data.get("key")
    files: Any = data.get("files")
    run, card = data.get("run"), data.get("card")
    if data.get("format") != FORMAT or not isinstance(run, str) or not isinstance(card, str):
        return None
    if not _is_map(key, str) or not _is_map(files, int):
        return None
    sizes = _sizes(folder)
    whole = all(sizes.get(name) == size for name, size in files.items())
    return Finished(key, run, files, card) if whole else None


def card_digest(folder: Path) -> str:
    """Return what identifies the card in a folder: "" if there is none."""
    found = [folder / name for name in FILES if (folder / name).is_file()]
    parts = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in found)
    return hashlib.sha256(parts).hexdigest() if found else ""


def _sizes(folder: Path) -> dict[str, int]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    sizes = {file.relative_to(folder).as_posix(): file.stat().st_size for file in files}
    return {name: size for name, size in sizes.items() if name not in (*FILES, NOTE)}


def _is_map(value: Any, kind: type) -> bool:
    return isinstance(value, dict) and all(isinstance(each, kind) for each in value.values())
