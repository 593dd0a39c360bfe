"""The weight files of a checkpoint that is being written: each tensor goes to its place."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from optimerge.checkpoint.layout import Shard, Slot
from optimerge.checkpoint.staging import sync
from optimerge.checkpoint.weights import INDEX

_MOST_BYTES = 1 << 30
"""Handed to the system at a time; Linux takes at most 2 GiB."""


class ShardFiles:
    """The safetensors files of one folder, opened as they are needed; close them at the end."""

    def __init__(self, folder: Path, shards: Sequence[Shard]) -> None:
        self.folder = folder
        self.shards = shards
        self._shard_of = {name: shard for shard in shards for name in shard.offsets}
        self._open: dict[str, int] = {}

    def write(self, name: str, data: memoryview) -> None:
        """Write a tensor's bytes to their place."""
        shard = self._shard_of[name]
        _write_at(self._file(shard), data, shard.offsets[name])

    def write_index(self, slots: Sequence[Slot]) -> None:
        """Write the index, as transformers does: only if there are several files."""
        if len(self.shards) > 1:
            index = {
                "metadata": {"total_size": sum(slot.bytes for slot in slots)},
                "weight_map": {s.name: self._shard_of[s.name].file for s in slots},
            }
            (self.folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", "utf-8")

    def sync(self) -> None:
        """Wait until all that was written is on the disk."""
        for file in self._open.values():
            os.fsync(file)
        sync(self.folder)

    def close(self) -> None:
        """Close the files."""
        while self._open:
            os.close(self._open.popitem()[1])

    def digest(self, slots: Sequence[Slot]) -> str | None:
        """Return the SHA-256 of tensors as they are on the disk; None if they are not there."""
        found = hashlib.sha256()
        return found.hexdigest() if all(self._update(found, slot) for slot in slots) else None

    def missing_bytes(self) -> int:
        """Return how many bytes the disk has yet to give: the files have holes until then."""
        return sum(max(shard.bytes - self._held(shard), 0) for shard in self.shards)

    def _held(self, shard: Shard) -> int:
        file = self.folder / shard.file
        return file.stat().st_blocks * 512 if file.exists() else 0

    def _file(self, shard: Shard) -> int:
        if shard.file not in self._open:
            file = os.open(self.folder / shard.file, os.O_RDWR | os.O_CREAT, 0o666)
            self._open[shard.file] = file
            os.ftruncate(file, shard.bytes)
            _write_at(file, memoryview(shard.header), 0)
        return self._open[shard.file]

    def _update(self, digest: "hashlib._Hash", slot: Slot) -> bool:
        """Hash a tensor's bytes as they are on the disk; whether they are all there."""
        shard = self._shard_of[slot.name]
        try:
            with (self.folder / shard.file).open("rb") as file:
                if file.read(len(shard.header)) != shard.header:
                    return False
                file.seek(shard.offsets[slot.name])
                left = slot.bytes
                while left and (block := file.read(min(left, 1 << 20))):
                    digest.update(block)
                    left -= len(block)
        except FileNotFoundError:
            return False
        return left == 0


def _write_at(file: int, data: memoryview, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(file, data[done : done + _MOST_BYTES], offset + done)
