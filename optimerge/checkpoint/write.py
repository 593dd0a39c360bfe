"""Writes a checkpoint tensor by tensor, each to its place in its file; none is held.

The folder appears under its name when it is whole, in one step, or not at all. A writer that is
killed can go on: see `optimerge.checkpoint.journal`.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from optimerge.checkpoint.journal import (
    JOURNAL,
    Mark,
    add_mark,
    open_journal,
    read_marks,
    start_journal,
)
from optimerge.checkpoint.layout import SHARD_BYTES, Shard, Slot, shards_of
from optimerge.checkpoint.staging import disk_errors, free_bytes, publish, stage
from optimerge.checkpoint.weights import INDEX
from optimerge.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

MARK_BYTES = 256_000_000
"""How much is written between two marks: what a kill costs at most, beside one tensor."""
_MOST_BYTES = 1 << 30
"""Handed to the system at a time; Linux takes at most 2 GiB."""


class CheckpointWriter:
    """Writes the weights of a model into a new folder; a context manager.

    Everything goes to `folder`, a hidden folder beside the target; files put there by others
    (`copy_side_files`, a model card) belong to the checkpoint too. Leaving the block without an
    error makes it the target; an error removes it. With `overwrite` the old model of that name
    is removed once the new one is whole.

    With a `key`, what a killed (or, by Ctrl-C, interrupted) writer left behind is kept, verified
    and gone on with by the next writer of the same key and target: `done` tensors need not be
    added again. Whoever gives a key answers for it: same key, same bytes.
    """

    def __init__(
        self,
        directory: Path,
        slots: Sequence[Slot],
        *,
        shard_bytes: int = SHARD_BYTES,
        overwrite: bool = False,
        key: str | None = None,
    ) -> None:
        """Refuse a `directory` that holds something: CheckpointError; nothing is written yet."""
        if shard_bytes < 1:
            raise CheckpointError(f"shards of {shard_bytes} bytes are too small; take 1 or more")
        self.directory = Path(os.path.abspath(directory))
        if not slots:
            raise CheckpointError(
                f"no tensor is to be written to {str(directory)!r}; name models that hold weights"
            )
        self.slots = tuple(slots)
        if len({slot.name for slot in self.slots}) < len(self.slots):
            raise ValueError("two tensors have one name")
        self.shards = shards_of(self.slots, shard_bytes)
        self.overwrite = overwrite
        self.key = key
        self.folder = stage(self.directory, overwrite)
        self.done = 0
        """How many tensors are written, in the order of `slots`."""
        self.state = ""
        """What `mark` was told with the last tensor that an earlier writer wrote."""
        self._shard_of = {name: shard for shard in self.shards for name in shard.offsets}
        self._files: dict[str, int] = {}
        self._digest = hashlib.sha256()
        self._unmarked = 0
        self._journal: FileIO | None = None

    def __enter__(self) -> "CheckpointWriter":
        with disk_errors(self.directory, 0):
            self._journal = open_journal(self.folder, self.directory)
            try:
                self._start(self._journal)
            except BaseException:
                if not self.done:
                    shutil.rmtree(self.folder, ignore_errors=True)
                self._journal.close()
                raise
        return self

    def _start(self, journal: FileIO) -> None:
        marks = self._verified(read_marks(journal, self.key)) if self.key else []
        if marks:
            self.done, self.state = marks[-1].tensors, marks[-1].state
        else:
            self._clear()
        start_journal(journal, self.key or "", marks)
        needed = sum(slot.bytes for slot in self.slots[self.done :])
        free = free_bytes(self.folder)
        if needed > free:
            raise CheckpointError(
                f"the disk of {str(self.directory)!r} is too small: {needed} bytes are needed, "
                f"{free} bytes are free; free some, or name a folder on another disk"
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        keep = self.key is not None and isinstance(error, KeyboardInterrupt)
        try:
            if kind is None:
                self._finish()
        finally:
            for file in self._files.values():
                os.close(file)
            if not keep:
                shutil.rmtree(self.folder, ignore_errors=True)
            if self._journal is not None:
                self._journal.close()

    def add(self, name: str, tensor: "Tensor") -> None:
        """Write one tensor, of any device and layout: the next of `slots`.

        CheckpointError if the disk is full.
        """
        import torch

        slot = Slot.like(name, tensor)
        if self.slots[self.done : self.done + 1] != (slot,):
            raise ValueError(f"tensor {self.done} of {self.directory} is not to be {slot}")
        flat = tensor.detach().to("cpu").contiguous().reshape(-1)
        data = memoryview(flat.view(torch.uint8).numpy().data) if slot.bytes else memoryview(b"")
        shard = self._shard_of[name]
        with disk_errors(self.directory, slot.bytes):
            _write_at(self._file(shard), data, shard.offsets[name])
        if self.key is not None:
            self._digest.update(data)
        self._unmarked += slot.bytes
        self.done += 1

    def mark(self, state: Callable[[], str] = str) -> None:
        """Now and then make what is written durable, and note it with `state`."""
        if self.key is None or self._unmarked < MARK_BYTES or self._journal is None:
            return
        with disk_errors(self.directory, 0):
            for file in self._files.values():
                os.fsync(file)
            add_mark(self._journal, Mark(self.done, self._digest.hexdigest(), state()))
        self._digest = hashlib.sha256()
        self._unmarked = 0

    def _file(self, shard: Shard) -> int:
        if shard.file not in self._files:
            file = os.open(self.folder / shard.file, os.O_RDWR | os.O_CREAT, 0o666)
            self._files[shard.file] = file
            os.ftruncate(file, shard.bytes)
            _write_at(file, memoryview(shard.header), 0)
        return self._files[shard.file]

    def _verified(self, marks: list[Mark]) -> list[Mark]:
        """Return the marks up to the first whose bytes are not on the disk as noted."""
        start = 0
        for count, mark in enumerate(marks):
            if not start < mark.tensors <= len(self.slots):
                return marks[:count]
            digest = hashlib.sha256()
            for slot in self.slots[start : mark.tensors]:
                if not self._update(digest, slot):
                    return marks[:count]
            if digest.hexdigest() != mark.digest:
                return marks[:count]
            start = mark.tensors
        return marks

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

    def _clear(self) -> None:
        """Remove what another writer left behind, all but the locked journal."""
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != JOURNAL:
                path.unlink()

    def _finish(self) -> None:
        if self.done < len(self.slots):
            raise ValueError(f"{len(self.slots) - self.done} tensors were not added")
        with disk_errors(self.directory, 0):
            if len(self.shards) > 1:
                index = {
                    "metadata": {"total_size": sum(slot.bytes for slot in self.slots)},
                    "weight_map": {s.name: self._shard_of[s.name].file for s in self.slots},
                }
                (self.folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", "utf-8")
            (self.folder / JOURNAL).unlink()
            publish(self.folder, self.directory, self.overwrite)


def _write_at(file: int, data: memoryview, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(file, data[done : done + _MOST_BYTES], offset + done)
