"""A writer that was killed is gone on with, or what it left is thrown away; never mixed up."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from optimerge.checkpoint import write as writing
from optimerge.checkpoint.journal import JOURNAL
from optimerge.checkpoint.layout import Slot
from optimerge.checkpoint.write import CheckpointWriter
from optimerge.errors import CheckpointError

TENSORS = {f"t{n}": torch.full((5,), float(n)) for n in range(8)}
SLOTS = [Slot.like(name, tensor) for name, tensor in TENSORS.items()]


@pytest.fixture(autouse=True)
def _mark_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MARK_BYTES", 40)  # two tensors


def interrupted(folder: Path, count: int, key: str | None = "k", shard_bytes: int = 70) -> None:
    """Write the first `count` tensors and press Ctrl-C."""
    with (
        pytest.raises(KeyboardInterrupt),
        CheckpointWriter(folder / "m", SLOTS, key=key, shard_bytes=shard_bytes) as writer,
    ):
        add(writer, count)
        raise KeyboardInterrupt


def add(writer: CheckpointWriter, count: int) -> int:
    """Add what is missing of the first `count` tensors and return how many that were."""
    missing = list(TENSORS.items())[writer.done : count]
    for name, tensor in missing:
        writer.add(name, tensor)
        writer.mark(lambda: f"after {name}")  # noqa: B023 (called at once)
    return len(missing)


def finished(folder: Path, key: str | None = "k", shard_bytes: int = 70) -> int:
    with CheckpointWriter(folder / "m", SLOTS, key=key, shard_bytes=shard_bytes) as writer:
        written = add(writer, len(SLOTS))
    held = {}
    for file in (folder / "m").glob("*.safetensors"):
        held |= load_file(file)
    assert held.keys() == TENSORS.keys()
    assert all(torch.equal(held[name], tensor) for name, tensor in TENSORS.items())
    assert os.listdir(folder) == ["m"]
    assert JOURNAL not in os.listdir(folder / "m")
    return written


@pytest.mark.parametrize(("before", "after"), [(0, 8), (1, 8), (2, 6), (5, 4), (7, 2), (8, 0)])
def test_only_what_is_not_marked_is_written_again(tmp_path: Path, before: int, after: int) -> None:
    interrupted(tmp_path, before)
    assert finished(tmp_path) == after


def test_the_state_of_the_last_mark_comes_back(tmp_path: Path) -> None:
    interrupted(tmp_path, 5)
    with CheckpointWriter(tmp_path / "m", SLOTS, key="k", shard_bytes=70) as writer:
        assert writer.state == "after t3"
        add(writer, 8)


def test_interrupted_twice(tmp_path: Path) -> None:
    interrupted(tmp_path, 3)
    interrupted(tmp_path, 7)
    assert finished(tmp_path) == 2


@pytest.mark.parametrize("change", [{"key": "other"}, {"key": None}, {"shard_bytes": 30}])
def test_what_another_writer_left_is_thrown_away(tmp_path: Path, change: dict[str, object]) -> None:
    interrupted(tmp_path, 5)
    (tmp_path / ".m.partial" / "junk").mkdir()
    assert finished(tmp_path, **change) == 8  # type: ignore[arg-type]
    assert not (tmp_path / "m" / "junk").exists()


def test_without_a_key_nothing_is_left(tmp_path: Path) -> None:
    interrupted(tmp_path, 5, key=None)
    assert os.listdir(tmp_path) == []


def test_an_error_leaves_nothing_even_with_a_key(tmp_path: Path) -> None:
    with (
        pytest.raises(CheckpointError, match="NaN"),
        CheckpointWriter(tmp_path / "m", SLOTS, key="k") as writer,
    ):
        add(writer, 5)
        raise CheckpointError("NaN")
    assert os.listdir(tmp_path) == []


def spoil_a_byte(folder: Path) -> None:
    file = folder / "model-00002-of-00003.safetensors"
    data = bytearray(file.read_bytes())
    data[-45] ^= 1  # in t3: the last tensor of the second mark
    file.write_bytes(data)


def cut_a_file(folder: Path) -> None:
    file = folder / "model-00002-of-00003.safetensors"
    file.write_bytes(file.read_bytes()[:-50])


def lose_a_file(folder: Path) -> None:
    (folder / "model-00002-of-00003.safetensors").unlink()


def tear_the_last_line(folder: Path) -> None:
    file = folder / JOURNAL
    file.write_bytes(file.read_bytes()[:-9])


def count_too_many(folder: Path) -> None:
    lines = (folder / JOURNAL).read_text().splitlines()
    lines[2] = json.dumps({**json.loads(lines[2]), "tensors": 99})
    (folder / JOURNAL).write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    "damage", [spoil_a_byte, cut_a_file, lose_a_file, tear_the_last_line, count_too_many]
)
def test_what_does_not_hold_what_the_journal_says_is_written_again(tmp_path: Path, damage) -> None:
    interrupted(tmp_path, 5)
    damage(tmp_path / ".m.partial")
    assert finished(tmp_path) == 6


@pytest.mark.parametrize("text", [b"", b"\n", b"{}\n", b"[1]\n", b"\xff\n", b'{"key": "k"}\n7\n'])
def test_a_broken_journal_means_to_start_anew(tmp_path: Path, text: bytes) -> None:
    interrupted(tmp_path, 5)
    (tmp_path / ".m.partial" / JOURNAL).write_bytes(text)
    assert finished(tmp_path) == 8


def test_two_writers_of_one_target(tmp_path: Path) -> None:
    with CheckpointWriter(tmp_path / "m", SLOTS, key="k") as writer:
        with (
            pytest.raises(CheckpointError, match="is being written by another process"),
            CheckpointWriter(tmp_path / "m", SLOTS, key="k"),
        ):
            pass
        add(writer, 8)
    assert os.listdir(tmp_path) == ["m"]


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, os, signal\nfrom pathlib import Path\n"
        "from optimerge.checkpoint.journal import open_journal\n"
        "folder = Path(sys.argv[1])\nkept = open_journal(folder / '.m.partial', folder / 'm')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = str(Path(writing.__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code, tmp_path], env={"PYTHONPATH": root})
    assert done.returncode == -9
    assert os.listdir(tmp_path) == [".m.partial"]
    assert finished(tmp_path) == 8


def test_a_disk_that_fills_up_while_a_mark_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        pytest.raises(CheckpointError, match="is full"),
        CheckpointWriter(tmp_path / "m", SLOTS, key="k") as writer,
    ):
        monkeypatch.setattr(os, "fsync", fail)
        add(writer, 8)
    assert os.listdir(tmp_path) == []
