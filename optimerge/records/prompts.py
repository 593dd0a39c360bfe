"""What each document of a task asks, kept once a run beside the evidence.

    runs/NAME/evidence/items-DIGEST.jsonl.gz

One line of JSON a document: `id`, `prompt`, and `choices` where the model picks from answers.
"""

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from optimerge.errors import RunError
from optimerge.records.evidence import FOLDER
from optimerge.records.whole import written_whole


@dataclass(frozen=True)
class Item:
    """One document as the model is asked."""

    prompt: str
    choices: Sequence[str] = ()


def write_items(folder: Path, digest: str, items: Mapping[int, Item]) -> None:
    """Write the documents of a task, by id, unless the run has them already.

    RunError if the disk is full or cannot be written.
    """
    path = _path(folder, digest)
    if path.exists():
        return
    with written_whole(path) as whole, gzip.GzipFile("", "wb", fileobj=whole, mtime=0) as file:
        for doc_id, item in items.items():
            line = {"id": doc_id, "prompt": item.prompt, "choices": list(item.choices)}
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


def read_items(folder: Path, digest: str) -> dict[int, Item]:
    """Return the documents of a task by id, {} if the run did not keep them.

    RunError if the file cannot be read.
    """
    path = _path(folder, digest)
    if not path.is_file():
        return {}
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        return {int(each["id"]): Item(each["prompt"], each["choices"]) for each in lines}
    except (ValueError, KeyError, TypeError, OSError, EOFError, zlib.error) as error:
        raise RunError(f"{path}: cannot be read ({error}); delete it") from None


def _path(folder: Path, digest: str) -> Path:
    return folder / FOLDER / f"items-{digest}.jsonl.gz"
