"""A disk that is too small, fills up or fails: one sentence, and what is written is not lost."""

import errno
import os
from io import FileIO
from pathlib import Path

import pytest
import torch

from optimerge.checkpoint import write as writing
from optimerge.checkpoint.journal import Journal, Mark
from optimerge.checkpoint.layout import Slot
from optimerge.checkpoint.shards import ShardFiles
from optimerge.checkpoint.write import CheckpointWriter
from optimerge.errors import CheckpointError, OptimergeError

TENSORS = {f"t{n}": torch.full((1000,), float(n)) for n in range(8)}
SLOTS = [Slot.like(name, tensor) for name, tensor in TENSORS.items()]
KEY = {"test": "disk"}


class Disk:
    """A disk with room for so many bytes of tensors; like a real one, it takes a part first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self.real = os.pwrite
        monkeypatch.setattr(os, "pwrite", self.pwrite)

    def pwrite(self, file: int, data: memoryview, offset: int) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = min(len(data), self.room)
        self.room -= taken
        return self.real(file, data[:taken], offset)


def write(folder: Path) -> int:
    """Write what is missing and return how many tensors were there."""
    with CheckpointWriter(folder / "m", SLOTS, KEY) as writer:
        found = writer.done
        for name, tensor in list(TENSORS.items())[found:]:
            writer.add(name, tensor)
    return found


def sentence(error: "pytest.ExceptionInfo[OptimergeError]", *words: str) -> None:
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


def test_a_disk_that_fills_up_keeps_what_is_whole_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, 14_000)
    with pytest.raises(CheckpointError) as caught:
        write(tmp_path)
    sentence(
        caught,
        f"the disk of {str(tmp_path / 'm')!r} is full: ",
        "bytes more are needed",
        "free some and give the same command again, which goes on from what is kept in",
        str(tmp_path / ".m.partial"),
    )
    assert os.listdir(tmp_path) == [".m.partial"]
    disk.room = 10**6
    assert write(tmp_path) == 3
    monkeypatch.undo()
    (tmp_path / "other").mkdir()
    assert write(tmp_path / "other") == 0
    ours, whole = (f / "m" / "model.safetensors" for f in (tmp_path, tmp_path / "other"))
    assert ours.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["m", "other"]


def test_a_disk_that_is_full_at_once_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(monkeypatch, 10)
    with pytest.raises(CheckpointError) as caught:
        write(tmp_path)
    sentence(caught, "is full", "free some, or name a folder on another disk")
    assert os.listdir(tmp_path) == []


def test_no_room_for_a_mark_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The marks before it hold, and half a line is no line."""
    monkeypatch.setattr(writing, "MARK_BYTES", 8000)
    whole = Journal._append

    def torn(journal: Journal, row: dict[str, object]) -> None:
        if journal.marks:
            journal._file.write(b'{"tens')
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(journal, row)

    monkeypatch.setattr(Journal, "_append", torn)
    with pytest.raises(CheckpointError, match=r"is full.*goes on from what is kept"):
        write(tmp_path)
    monkeypatch.undo()
    assert write(tmp_path) == 2


def test_a_disk_that_takes_a_line_of_the_journal_in_parts(tmp_path: Path) -> None:
    class Slow(FileIO):
        def write(self, data: bytes) -> int:
            return super().write(data[:7])

    path = tmp_path / "journal"
    path.touch()
    with Slow(path, "r+") as file:
        journal = Journal(file, path)
        journal.begin(KEY)
        marks = [Mark(n, "0123456789", "state") for n in range(3)]
        for mark in marks:
            journal.add(mark)
    with FileIO(path, "r+") as file:
        again = Journal(file, path)
        assert (again.key, again.marks) == (KEY, marks)


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr(writing, "free_bytes", lambda place: 32_000)
    monkeypatch.setattr(ShardFiles, "_file", lambda *_: opened.append(1))
    with pytest.raises(CheckpointError) as caught:
        write(tmp_path)
    sentence(caught, str(tmp_path / "m"), "is too small", "bytes are needed, 32000 are free")
    assert opened == []
    assert os.listdir(tmp_path) == []


def test_going_on_needs_room_for_the_rest_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(monkeypatch, 18_000)
    with pytest.raises(CheckpointError, match="is full"):
        write(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(writing, "free_bytes", lambda place: 100)
    with pytest.raises(CheckpointError, match=r"too small.*goes on from what is kept"):
        write(tmp_path)
    monkeypatch.setattr(writing, "free_bytes", lambda place: 16_000)
    assert write(tmp_path) == 4


def test_a_full_disk_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    writer = CheckpointWriter(tmp_path / "m", SLOTS, KEY)
    with pytest.raises(CheckpointError, match="is full"), writer.disk():
        full.write_bytes(b"abc")


def test_a_disk_that_fails_while_the_files_are_made_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with (
        pytest.raises(CheckpointError) as caught,
        CheckpointWriter(tmp_path / "m", SLOTS, KEY) as writer,
    ):
        monkeypatch.setattr(os, "fsync", fail)
        for name, tensor in TENSORS.items():
            writer.add(name, tensor)
    sentence(caught, str(tmp_path / "m"), "Input/output error", "cannot be written to")
    assert os.listdir(tmp_path) == []


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(CheckpointError) as caught:
        write(tmp_path)
    sentence(caught, str(tmp_path / "m"), "Permission denied", "check its permissions")


def test_side_files_that_find_no_room(tmp_path: Path) -> None:
    with (
        pytest.raises(CheckpointError, match=r"is full.*goes on from what is kept"),
        CheckpointWriter(tmp_path / "m", SLOTS, KEY) as writer,
    ):
        for name, tensor in TENSORS.items():
            writer.add(name, tensor)
        with writer.disk():
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
    assert write(tmp_path) == 8
