"""Writes a checkpoint tensor by tensor; none is held, and a killed writer can go on.

.out.partial/                what is being written, beside its target `out`
    building.jsonl           the journal, which is also the lock
    model/                   becomes `out`, in one step, when it is whole
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from optimerge.checkpoint.journal import Journal, Key, Mark, open_journal
from optimerge.checkpoint.layout import SHARD_BYTES, Slot, shards_of
from optimerge.checkpoint.shards import ShardFiles
from optimerge.checkpoint.staging import FULL, DiskError, check_free, free_bytes, publish, staging
from optimerge.errors import CheckpointError, OptimergeError

if TYPE_CHECKING:
    from torch import Tensor

MARK_BYTES = 256_000_000
"""How much is written between two marks: what a kill costs at most, beside one tensor."""


class CheckpointWriter:
    """Writes the weights of a model into a new folder; a context manager.

    Everything goes to `folder`; files put there by others (`copy_side_files`, a model card)
    belong to the checkpoint too. Leaving the block without an error makes it the target.

    What a killed or interrupted writer left behind is kept, verified and gone on with by the next
    writer of the same key and target: `done` tensors need not be added again. So is what was
    written when the disk fails. Bad input (any other OptimergeError) removes it: the same command
    would fail again. Whoever gives a key answers for it: same key, same bytes.
    """

    def __init__(
        self, directory: Path, slots: Sequence[Slot], key: Key, *, shard_bytes: int = SHARD_BYTES
    ) -> None:
        """Refuse a `directory` that holds something: CheckpointError; nothing is written yet."""
        self.directory = Path(os.path.abspath(directory))
        if not slots:
            raise CheckpointError(
                f"no tensor is to be written to {str(directory)!r}; name models that hold weights"
            )
        self.slots = tuple(slots)
        if len({slot.name for slot in self.slots}) < len(self.slots):
            raise ValueError("two tensors have one name")
        check_free(self.directory)
        self.key = key
        self.folder = staging(self.directory) / "model"
        self.note = ""
        """What became of an earlier writer's work, a sentence; "" if there was none."""
        self._files = ShardFiles(self.folder, shards_of(self.slots, shard_bytes))
        self._digest = hashlib.sha256()
        self._unmarked = 0
        self._journal: Journal | None = None
        # One pair, so that no Ctrl-C comes between the count and the state that belongs to it.
        self._reached = (0, "")

    @property
    def done(self) -> int:
        """How many tensors are written, in the order of `slots`."""
        return self._reached[0]

    @property
    def state(self) -> str:
        """What `add` was told with the last of them."""
        return self._reached[1]

    def __enter__(self) -> "CheckpointWriter":
        with self.disk():
            self._journal = open_journal(self.folder.parent, self.directory)
            try:
                check_free(self.directory)  # another process may just have finished
                self._start(self._journal)
            except BaseException as error:
                self._leave(self._journal, keep=_keeps(error))
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        journal = self._locked()
        keep = True
        try:
            if error is None:
                self._finish()
                keep = False
            elif keep := _keeps(error):
                self._save()
        finally:
            self._leave(journal, keep)

    def add(self, name: str, tensor: "Tensor", state: str = "") -> None:
        """Write one tensor, of any device and layout: the next of `slots`.

        `state`: what the caller will need to go on behind it. DiskError if the disk is full.
        """
        import torch

        slot = Slot.like(name, tensor)
        if self.slots[self.done : self.done + 1] != (slot,):
            raise ValueError(f"tensor {self.done} of {self.directory} is not to be {slot}")
        flat = tensor.detach().to("cpu").contiguous().reshape(-1)
        data = memoryview(flat.view(torch.uint8).numpy().data) if slot.bytes else memoryview(b"")
        with self.disk():
            self._files.write(name, data)
            self._digest.update(data)
            self._unmarked += slot.bytes
            self._reached = (self.done + 1, state)
            if self._unmarked >= MARK_BYTES:
                self._mark()

    @contextmanager
    def disk(self) -> Iterator[None]:
        """Turn errors of the disk into a DiskError that says what becomes of what is written."""
        try:
            yield
        except OSError as error:
            self._save()
            raise DiskError(self._complaint(error)) from error

    def _start(self, journal: Journal) -> None:
        """Take up what an earlier writer left, as far as it is whole, and see to the space."""
        same = journal.key == self.key
        whole = self._count_whole(journal.marks) if same else 0
        if whole:
            self._reached = (journal.marks[whole - 1].tensors, journal.marks[whole - 1].state)
            self.note = (
                f"{self.done} of {len(self.slots)} tensors are there from an earlier run, "
                "which this one goes on with"
            )
            journal.cut(whole)
        else:
            if journal.marks:
                self.note = (
                    f"an unfinished build in {str(self.folder.parent)!r} "
                    f"{_difference(journal.key, self.key)}; it is removed, and all is built anew"
                )
            journal.begin(self.key)
        self._clear()
        self.folder.mkdir(exist_ok=True)
        needed, free = self._files.missing_bytes(), free_bytes(self.folder)
        if needed > free:
            raise DiskError(
                f"the disk of {str(self.directory)!r} is too small: {needed} bytes are needed, "
                f"{free} are free; {self._remedy()}"
            )

    def _count_whole(self, marks: Sequence[Mark]) -> int:
        """Return how many marks hold, up to the first whose bytes are not on the disk as noted."""
        start = 0
        for count, mark in enumerate(marks):
            slots = self.slots[start : mark.tensors]
            if not slots or len(slots) < mark.tensors - start:
                return count
            if self._files.digest(slots) != mark.digest:
                return count
            start = mark.tensors
        return len(marks)

    def _clear(self) -> None:
        """Remove what another writer left behind, all but the weights that are gone on with."""
        weights = {shard.file for shard in self._files.shards} if self.done else set()
        for path in self.folder.iterdir() if self.folder.exists() else ():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name not in weights:
                path.unlink()

    def _mark(self) -> None:
        self._files.sync()
        done, state = self._reached
        self._locked().add(Mark(done, self._digest.hexdigest(), state))
        self._digest = hashlib.sha256()
        self._unmarked = 0

    def _save(self) -> None:
        """Mark what is written since the last mark, if that can be."""
        if self._unmarked:
            with suppress(OSError):  # a full disk may lack room for it: the marks before it hold
                self._mark()

    def _finish(self) -> None:
        if self.done < len(self.slots):
            raise ValueError(f"{len(self.slots) - self.done} tensors were not added")
        with self.disk():
            if self._unmarked:
                self._mark()
            self._files.write_index(self.slots)
            publish(self.folder, self.directory)

    def _leave(self, journal: Journal, keep: bool) -> None:
        """Unlock, and remove what is not kept: the journal last, for it holds others off."""
        self._files.close()
        keep = keep and bool(journal.marks)
        try:
            if not keep:
                shutil.rmtree(self.folder, ignore_errors=True)
        finally:
            journal.close(remove=not keep)

    def _locked(self) -> Journal:
        if self._journal is None:
            raise ValueError("a CheckpointWriter is a context manager; use it in a with block")
        return self._journal

    def _complaint(self, error: OSError) -> str:
        target = str(self.directory)
        if error.errno in FULL:
            return (
                f"the disk of {target!r} is full: {self._files.missing_bytes()} bytes more are "
                f"needed, {free_bytes(self.folder)} are free; {self._remedy()}"
            )
        return (
            f"{target!r} cannot be written to ({error}); "
            "check its permissions, or name another folder"
        )

    def _remedy(self) -> str:
        if self._journal is None or not self._journal.marks:
            return "free some, or name a folder on another disk"
        return (
            "free some and give the same command again, which goes on from what is kept in "
            f"{str(self.folder.parent)!r}, or remove that and name a folder on another disk"
        )


def _keeps(error: BaseException) -> bool:
    """Whether the same command may succeed when it is given again."""
    return isinstance(error, DiskError) or not isinstance(error, OptimergeError)


def _difference(theirs: object, ours: Key) -> str:
    if theirs == ours:
        return "is damaged"
    parts = theirs if isinstance(theirs, dict) else {}
    names = [name for name in {**ours, **parts} if parts.get(name) != ours.get(name)]
    return f"differs from this one in its {' and '.join(names)}"
