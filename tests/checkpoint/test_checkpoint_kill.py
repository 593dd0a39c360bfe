"""A writer that is killed before any one of its calls to the system leaves nothing half done."""

import os
import sys
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from types import FrameType
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
        assert writer.state == (f"t{found - 1}" if found else "")
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


def interrupt_at(line: int) -> Callable[..., Any]:
    """Return a tracer that presses Ctrl-C before the n-th line that the writer executes."""
    left = [line]

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename not in (writing.__file__, journal.__file__):
            return None
        left[0] -= event == "line"
        if left[0] < 0:
            left[0] = 1 << 60
            raise KeyboardInterrupt
        return trace

    return trace


# An interrupt before the first line of __exit__ leaves files open; they end with the process.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupted_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before every line: count, state and digest must not come apart."""
    monkeypatch.setattr(os, "fsync", lambda file: None)
    monkeypatch.setattr(writing, "MARK_BYTES", 60)  # three tensors
    write(tmp_path / "whole")
    whole, found, line, stopped = contents(tmp_path / "whole"), set(), 0, True
    while stopped:
        target = tmp_path / str(line)
        before = sys.gettrace()
        try:
            sys.settrace(interrupt_at(line))
            write(target)
            stopped = False
        except KeyboardInterrupt:
            line += 1
        finally:
            sys.settrace(before)
        if not target.exists():
            found.add(write(target))
        assert contents(target) == whole
    assert line > 200
    assert found == set(range(7))
