"""What each document of a task asks, kept once a run beside the evidence.

    runs/NAME/evidence/items-DIGEST.jsonl.gz, or in another place: see `records.artifacts`

One line of JSON a document: `id`, `prompt`, and `choices` where the model picks from answers.
"""

import gzip
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from optimerge.errors import RunError
from optimerge.records.artifacts import Artifacts

MOST_BYTES = 1 << 29
"""Of a file, unpacked; the prompts of a task are far less."""
_BROKEN = (zlib.error, OverflowError, RecursionError)


@dataclass(frozen=True)
class Item:
    """One document as the model is asked."""

    prompt: str
    choices: Sequence[str] = ()


def write_items(artifacts: Artifacts, digest: str, items: Mapping[int, Item]) -> None:
    """Write the documents of a task, by id, unless the run has them already.

    RunError if the disk is full or cannot be written.
    """
    name = _name(digest)
    if artifacts.has(name):
        return

    def fill(whole: IO[bytes]) -> None:
        with gzip.GzipFile("", "wb", fileobj=whole, mtime=0) as file:
            for doc_id, item in items.items():
                line = {"id": doc_id, "prompt": item.prompt, "choices": list(item.choices)}
                file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")

    artifacts.write(name, fill)


def read_items(artifacts: Artifacts, digest: str) -> dict[int, Item]:
    """Return the documents of a task by id, {} if they are not there.

    RunError if the file cannot be read.
    """
    name = _name(digest)
    packed, path = artifacts.read(name, MOST_BYTES), artifacts.shown(name)
    if packed is None:
        return {}
    try:
        with gzip.open(io.BytesIO(packed), "rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES} bytes")
        # Not splitlines: that also cuts at characters that may stand in a prompt.
        lines = [json.loads(line) for line in content.split(b"\n") if line]
        return {int(each["id"]): _item(each) for each in lines}
    except (LookupError, ValueError, TypeError, OSError, EOFError, *_BROKEN) as error:
        raise RunError(f"{path}: cannot be read ({error}); delete it") from None


def _item(line: Mapping[str, Any]) -> Item:
    prompt, choices = line["prompt"], line["choices"]
    texts = isinstance(choices, list) and all(isinstance(each, str) for each in choices)
    if not isinstance(prompt, str) or not texts:
        raise ValueError("a prompt or a choice is no text")
    return Item(prompt, choices)


def _name(digest: str) -> str:
    return f"items-{digest}.jsonl.gz"
