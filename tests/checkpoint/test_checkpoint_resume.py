"""A writer that was killed is gone on with, or what it left is thrown away; never mixed up."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from io import FileIO
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
KEY = {"recipe": "1", "models": "2", "seed": "3"}


@pytest.fixture(autouse=True)
def _mark_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MARK_BYTES", 40)  # two tensors


def opened(folder: Path, key: Mapping[str, str] = KEY, shard_bytes: int = 70) -> CheckpointWriter:
    return CheckpointWriter(folder / "m", SLOTS, key, shard_bytes=shard_bytes)


def add(writer: CheckpointWriter, count: int) -> int:
    """Add what is missing of the first `count` tensors and return how many that were."""
    missing = list(TENSORS.items())[writer.done : count]
    for name, tensor in missing:
        writer.add(name, tensor, f"after {name}")
    return len(missing)


def stopped(folder: Path, count: int) -> None:
    """Write the first `count` tensors and press Ctrl-C."""
    with pytest.raises(KeyboardInterrupt), opened(folder) as writer:
        add(writer, count)
        raise KeyboardInterrupt


def killed(folder: Path, count: int) -> None:
    """Write the first `count` tensors and pull the plug: no block is left, no file is closed."""
    writer = opened(folder).__enter__()
    add(writer, count)
    assert writer._journal is not None
    writer._journal._file.close()
    writer._files.close()


def finished(folder: Path, key: Mapping[str, str] = KEY, shard_bytes: int = 70) -> int:
    """Write what is missing and return how many tensors that were."""
    with opened(folder, key, shard_bytes) as writer:
        written = add(writer, len(SLOTS))
    held = {}
    for file in (folder / "m").glob("*.safetensors"):
        held |= load_file(file)
    assert held.keys() == TENSORS.keys()
    assert all(torch.equal(held[name], tensor) for name, tensor in TENSORS.items())
    assert os.listdir(folder) == ["m"]
    assert all("model" in name for name in os.listdir(folder / "m"))
    return written


@pytest.mark.parametrize(("before", "after"), [(0, 8), (1, 8), (2, 6), (5, 4), (7, 2), (8, 0)])
def test_after_a_kill_what_is_not_marked_is_written_again(
    tmp_path: Path, before: int, after: int
) -> None:
    killed(tmp_path, before)
    assert finished(tmp_path) == after


@pytest.mark.parametrize("before", [0, 1, 2, 5, 8])
def test_after_an_interrupt_nothing_is_written_again(tmp_path: Path, before: int) -> None:
    stopped(tmp_path, before)
    assert os.listdir(tmp_path) == ([".m.partial"] if before else [])
    assert finished(tmp_path) == 8 - before


def test_what_is_there_and_the_state_behind_it_come_back(tmp_path: Path) -> None:
    killed(tmp_path, 5)
    with opened(tmp_path) as writer:
        assert (writer.done, writer.state) == (4, "after t3")
        assert "4 of 8 tensors are there from an earlier run" in writer.note
        add(writer, 8)


def test_a_first_run_has_no_remark(tmp_path: Path) -> None:
    with opened(tmp_path) as writer:
        assert writer.note == ""
        add(writer, 8)


def test_stopped_killed_and_stopped(tmp_path: Path) -> None:
    stopped(tmp_path, 3)
    killed(tmp_path, 6)
    stopped(tmp_path, 7)
    assert finished(tmp_path) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": {**KEY, "seed": "4"}}, "differs from this one in its seed;"),
        ({"key": {**KEY, "recipe": "", "models": ""}}, "differs from this one in its recipe and m"),
        ({"key": {"recipe": "1", "models": "2"}}, "differs from this one in its seed;"),
        ({"shard_bytes": 30}, "is damaged"),
    ],
)
def test_what_another_writer_left_is_thrown_away_with_a_word(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    killed(tmp_path, 5)
    (tmp_path / ".m.partial" / "model" / "junk").mkdir()
    with pytest.raises(KeyboardInterrupt), opened(tmp_path, **change) as writer:
        assert words in writer.note
        assert str(tmp_path / ".m.partial") in writer.note
        assert writer.done == 0
        assert os.listdir(writer.folder) == []
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []
    assert finished(tmp_path, **change) == 8


def test_files_beside_the_weights_are_made_anew(tmp_path: Path) -> None:
    killed(tmp_path, 5)
    (tmp_path / ".m.partial" / "model" / "tokenizer.json").write_text("an old one")
    assert finished(tmp_path) == 4
    assert not (tmp_path / "m" / "tokenizer.json").exists()


def test_bad_input_removes_what_is_written(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="NaN"), opened(tmp_path) as writer:
        add(writer, 5)
        raise CheckpointError("NaN")
    assert os.listdir(tmp_path) == []


def test_our_own_fault_keeps_what_is_written(tmp_path: Path) -> None:
    with pytest.raises(MemoryError), opened(tmp_path) as writer:
        add(writer, 5)
        raise MemoryError
    assert finished(tmp_path) == 3


def spoil_a_byte(folder: Path) -> None:
    file = folder / "model" / "model-00002-of-00003.safetensors"
    data = bytearray(file.read_bytes())
    data[-45] ^= 1  # in t3: the last tensor of the second mark
    file.write_bytes(data)


def spoil_a_header(folder: Path) -> None:
    file = folder / "model" / "model-00001-of-00003.safetensors"
    file.write_bytes(file.read_bytes().replace(b'"t0"', b'"tt"'))


def cut_a_file(folder: Path) -> None:
    file = folder / "model" / "model-00002-of-00003.safetensors"
    file.write_bytes(file.read_bytes()[:-50])


def lose_a_file(folder: Path) -> None:
    (folder / "model" / "model-00002-of-00003.safetensors").unlink()


def tear_the_last_line(folder: Path) -> None:
    file = folder / JOURNAL
    file.write_bytes(file.read_bytes()[:-9])


def spoil_the_last_line(folder: Path) -> None:
    file = folder / JOURNAL
    file.write_bytes(file.read_bytes()[:-9] + b"\n")


def count_too_many(folder: Path) -> None:
    file = folder / JOURNAL
    file.write_text(file.read_text().replace('"tensors": 4', '"tensors": 99'))


@pytest.mark.parametrize(
    "damage",
    [
        *(spoil_a_byte, spoil_a_header, cut_a_file, lose_a_file),
        *(tear_the_last_line, spoil_the_last_line, count_too_many),
    ],
)
def test_what_does_not_hold_what_the_journal_says_is_written_again(tmp_path: Path, damage) -> None:
    killed(tmp_path, 5)
    before = [file.read_bytes() for file in sorted((tmp_path / ".m.partial").rglob("*.*"))]
    damage(tmp_path / ".m.partial")
    assert before != [file.read_bytes() for file in sorted((tmp_path / ".m.partial").rglob("*.*"))]
    stopped(tmp_path, 7)  # the journal is mended, not only read
    assert finished(tmp_path) == 1


@pytest.mark.parametrize("text", [b"", b"\n", b"{}\n", b"[1]\n", b"\xff\n", b'{"key": "k"}\n7\n'])
def test_a_broken_journal_means_to_start_anew(tmp_path: Path, text: bytes) -> None:
    killed(tmp_path, 5)
    (tmp_path / ".m.partial" / JOURNAL).write_bytes(text)
    assert finished(tmp_path) == 8


def test_two_writers_of_one_target(tmp_path: Path) -> None:
    with opened(tmp_path) as writer:
        add(writer, 3)
        with (
            pytest.raises(CheckpointError, match="is being written by another process"),
            opened(tmp_path),
        ):
            pass
        add(writer, 8)
    assert os.listdir(tmp_path) == ["m"]


def test_another_writer_finished_while_this_one_waited_for_the_lock(tmp_path: Path) -> None:
    late = opened(tmp_path)
    finished(tmp_path)
    with pytest.raises(CheckpointError, match="exists and is not empty"), late:
        pass
    assert os.listdir(tmp_path) == ["m"]


def test_a_folder_that_is_removed_before_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer has just finished: a lock on its journal, which is gone, would hold nobody."""
    lock, place = fcntl.flock, tmp_path / ".m.partial"

    def late(file: FileIO, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        shutil.rmtree(place)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with opened(tmp_path) as writer:
        assert (place / JOURNAL).exists()
        with pytest.raises(CheckpointError, match="another process"), opened(tmp_path):
            pass
        add(writer, 8)


def test_a_target_that_was_filled_meanwhile_costs_no_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MARK_BYTES", 10**6)
    with pytest.raises(CheckpointError, match="not empty"), opened(tmp_path) as writer:
        add(writer, 8)
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "notes.txt").touch()
    assert os.listdir(tmp_path / "m") == ["notes.txt"]
    (tmp_path / "m" / "notes.txt").unlink()
    assert finished(tmp_path) == 0


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
