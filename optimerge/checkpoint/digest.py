"""Names the content of a checkpoint by a hash that is cheap to take: a few blocks are read."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optimerge.checkpoint.adapter import WEIGHTS
from optimerge.checkpoint.adapter_config import CONFIG
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.headers import TensorInfo, read_header
from optimerge.checkpoint.tokenizer import TOKENIZER_FILES
from optimerge.errors import CheckpointError

SAMPLE_BYTES = 512
TEXT_FILES = (*TOKENIZER_FILES, "chat_template.*", "generation_config.json")
"""What of a folder decides how text becomes tokens, and when answers end; by pattern."""


def file_digest(file: Path) -> str:
    """Return 32 hex digits that identify the content of one safetensors file.

    Hashed (blake2b) are: the size of the file; its first 8 bytes and its header, byte for byte;
    and of each tensor, in the order of their offsets, the 512 bytes in its middle (all of it if
    it is shorter). Not hashed: the other bytes, the file's name and its times. So any training
    step that moves every tensor is seen, and an edit of a few numbers by hand may not be.
    """
    tensors = sorted(read_header(file).values(), key=lambda info: (info.start, info.end))
    digest = hashlib.blake2b(digest_size=16)
    try:
        with file.open("rb") as stream:
            digest.update(file.stat().st_size.to_bytes(8, "little"))
            length = stream.read(8)
            digest.update(length)
            digest.update(stream.read(int.from_bytes(length, "little")))
            for info in tensors:
                start, end = _middle(info)
                stream.seek(start)
                digest.update(stream.read(end - start))
    except OSError as error:
        raise CheckpointError(
            f"{str(file)!r} cannot be read: {error.strerror}; check the disk"
        ) from error
    return digest.hexdigest()


def checkpoint_digest(checkpoint: Checkpoint) -> str:
    """Return 32 hex digits that identify a model: its config and its weight files.

    Hashed (blake2b) are: config.json as sorted JSON without `_name_or_path` and
    `transformers_version`; and the sorted `file_digest`s of its weight files. Where the folder is
    and how its files are called does not matter; the same tensors in other shards do. Of a LoRA
    adapter its config and weights are hashed too.
    """
    digest = hashlib.blake2b(_config_bytes(checkpoint.config), digest_size=16)
    for part in sorted(map(file_digest, {info.file for info in checkpoint.tensors.values()})):
        digest.update(part.encode())
    if checkpoint.adapter is not None:
        folder = checkpoint.adapter.path
        digest.update((folder / CONFIG).read_bytes())
        digest.update(file_digest(folder / WEIGHTS).encode())
    return digest.hexdigest()


def part_digests(checkpoint: Checkpoint) -> dict[str, str]:
    """Return 32 hex digits for each file that makes a model, by the file's name.

    What is hashed of each is as for `checkpoint_digest`. Files of a LoRA adapter stand beside
    those of its base, after "adapter/".
    """
    files = sorted({info.file for info in checkpoint.tensors.values()})
    config = hashlib.blake2b(_config_bytes(checkpoint.config), digest_size=16).hexdigest()
    found = {"config.json": config} | {file.name: file_digest(file) for file in files}
    if checkpoint.adapter is not None:
        folder = checkpoint.adapter.path
        own = hashlib.blake2b((folder / CONFIG).read_bytes(), digest_size=16).hexdigest()
        found |= {f"adapter/{CONFIG}": own, f"adapter/{WEIGHTS}": file_digest(folder / WEIGHTS)}
    return found


def text_digests(folder: Path) -> dict[str, str]:
    """Return 32 hex digits for each of a model folder's `TEXT_FILES`, byte for byte, by name."""
    found = {file for pattern in TEXT_FILES for file in folder.glob(pattern) if file.is_file()}
    try:
        return {
            file.name: hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()
            for file in sorted(found)
        }
    except OSError as error:
        raise CheckpointError(
            f"{str(error.filename)!r} cannot be read: {error.strerror}; check the disk"
        ) from error


def _config_bytes(config: Mapping[str, Any]) -> bytes:
    """Return what of a config says what the model is, in one order."""
    ignored = {"_name_or_path", "transformers_version"}
    kept = {key: value for key, value in config.items() if key not in ignored}
    return json.dumps(kept, sort_keys=True).encode()


def _middle(info: TensorInfo) -> tuple[int, int]:
    start = info.start + max(info.bytes - SAMPLE_BYTES, 0) // 2
    return start, min(start + SAMPLE_BYTES, info.end)
