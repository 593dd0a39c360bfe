"""A writer that is killed before any one of its calls to the system leaves nothing half done."""

import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
import torch

from optimerge.checkpoint import journal
from optimerge.checkpoint import write as writing
from optimerge.checkpoint.layout import Slot
from optimerge.checkpoint.write import CheckpointWriter

TENSORS = {f"t{n}": torch.full((5,), float(n)) for n in range(6)}
SLOTS = [Slot.like(name, tensor) for name, tensor in TENSORS.items()]
CALLS = ("pwrite", "ftruncate", "fsync", "rename", "unlink", "rmdir", "mkdir")


class Killed(BaseException):
    pass


class Fuse:
    """Lets so many calls that change the disk through; from then on none reaches it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
        self.left = calls
        for name in CALLS:
            monkeypatch.setattr(os, name, self.guarded(getattr(os, name)))
        fuse = self

        class File(FileIO):
            def write(self, data: Any) -> int:
                return fuse.guarded(super().write)(data)

            def truncate(self, size: int | None = None) -> int:
                return fuse.guarded(super().truncate)(size)

        monkeypatch.setattr(journal, "FileIO", File)

    def guarded(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guard(*args: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise Killed
            return call(*args, **options)

        return guard


def write(target: Path) -> int:
    """Write what is missing and return how many tensors were there."""
    with CheckpointWriter(target, SLOTS, {"test": "kill"}, shard_bytes=50) as writer:
        found = writer.done
        for name, tensor in list(TENSORS.items())[found:]:
            writer.add(name, tensor, name)
        (writer.folder / "config.json").write_text("{}")
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def cut(monkeypatch: pytest.MonkeyPatch, target: Path, calls: int) -> bool:
    """Write with a fuse; whether it blew."""
    with monkeypatch.context() as patch:
        Fuse(patch, calls)
        try:
            write(target)
        except Killed:
            return True
    return False


@pytest.mark.parametrize("second", [None, 4, 12])
def test_killed_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: int | None
) -> None:
    """Also twice: before any call, and again `second` calls into the run that goes on."""
    monkeypatch.setattr(os, "fsync", lambda file: None)  # it is counted, not waited for
    monkeypatch.setattr(writing, "MARK_BYTES", 40)  # two tensors
    write(tmp_path / "whole")
    whole, found, calls = contents(tmp_path / "whole"), [], 0
    while cut(monkeypatch, target := tmp_path / str(calls), calls):
        calls += 1
        if not target.exists() and second is not None:
            cut(monkeypatch, target, second)
        if not target.exists():
            found.append(write(target))
            assert not target.with_name(f".{target.name}.partial").exists()
        assert contents(target) == whole
    assert calls > 40
    assert second or found == sorted(found)
    assert set(found) == {0, 2, 4, 6}
