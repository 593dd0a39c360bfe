"""Workers of one machine: base and experts once in main memory, whoever comes first or dies."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from together_cases import differences, recipe

from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.errors import CheckpointError
from optimerge.merge.engine import load_engine
from optimerge.merge.free import free_main
from optimerge.merge.shared import SHARED_VARIABLE, common, in_common, make_shared, shared_file
from optimerge.merge.steps import sources_of
from optimerge.merge.weights import Weights, load_weights

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="memory without a name needs Linux"
)
MODELS = ("base", "red", "blue")


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    made = make_shared()
    assert made is not None
    monkeypatch.setenv(SHARED_VARIABLE, str(made))
    yield made
    os.close(made)


@pytest.fixture
def models(made_family: Path) -> list[Checkpoint]:
    return [open_checkpoint(name, made_family) for name in MODELS]


def in_the_file(weights: Weights) -> set[bool]:
    """Whether each tensor lies in memory that processes share."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    ours = [re.split("[- ]", line)[:2] for line in lines if "memfd:optimerge" in line]
    places = [(int(start, 16), int(stop, 16)) for start, stop in ours]
    return {any(a <= t.data_ptr() < b for a, b in places) for t in weights.dense.values()}


def equal(one: Weights, other: Weights) -> bool:
    pairs = ((t, other.dense[key]) for key, t in one.dense.items())
    return one.dense.keys() == other.dense.keys() and all(torch.equal(*pair) for pair in pairs)


def test_what_one_has_read_the_next_one_maps(
    models: list[Checkpoint], file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_weights(models, "cpu")
    assert in_the_file(first) == {True}
    with monkeypatch.context() as patch:  # nothing is read again, nor looked at
        patch.setattr("optimerge.checkpoint.read.TensorReader.fill", None)
        patch.setattr("optimerge.merge.weights.refuse_nan", None)
        second = load_weights(models, "cpu")
    monkeypatch.delenv(SHARED_VARIABLE)
    alone = load_weights(models, "cpu")
    assert in_the_file(alone) == {False}
    assert equal(first, alone)
    assert equal(second, alone)
    name = ("red", "model.norm.weight")
    first.dense[name][0] += 1
    assert torch.equal(first.dense[name], second.dense[name])


def test_merges_are_the_same_bytes(models: list[Checkpoint], file: int) -> None:
    shared = load_engine(models, seed=3)
    assert isinstance(shared.weights, Weights)
    assert in_the_file(shared.weights) == {True}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(SHARED_VARIABLE)
        alone = load_engine(models, seed=3)
    for method in ("ties", "della", "linear"):
        for engine in (shared, alone):
            engine.apply(recipe(method))
        assert not differences(shared, alone)


FILL = """
import os, signal, sys
from pathlib import Path
from optimerge.checkpoint.folder import open_checkpoint
from optimerge.merge import weights
models = [open_checkpoint(name, Path(sys.argv[1])) for name in ("base", "red", "blue")]
if sys.argv[2:] == ["dies"]:
    plain, seen = weights.TensorReader.fill, []
    def fill(self, name, place):
        seen.append(name)
        if len(seen) == 60:
            os.kill(os.getpid(), signal.SIGKILL)
        plain(self, name, place)
    weights.TensorReader.fill = fill
found = weights.load_weights(models, "cpu")
print(float(sum(t.double().sum() for t in found.dense.values())), len(found.dense))
"""


def other_process(family: Path, file: int, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FILL, str(family), *words]
    return subprocess.Popen(
        command, env={**os.environ, SHARED_VARIABLE: str(file)}, pass_fds=(file,),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_a_worker_that_dies_while_it_fills_leaves_nothing_half(
    made_family: Path, models: list[Checkpoint], file: int
) -> None:
    died = other_process(made_family, file, "dies")
    died.communicate()
    assert died.returncode == -signal.SIGKILL
    assert in_common() > 0
    both = [other_process(made_family, file) for _ in "ab"]
    said = [process.communicate()[0] for process in both]
    weights = load_weights(models, "cpu")
    assert in_the_file(weights) == {True}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(SHARED_VARIABLE)
        assert equal(weights, load_weights(models, "cpu"))
    total = float(sum(t.double().sum() for t in weights.dense.values()))
    assert said == [f"{total} {len(weights.dense)}\n"] * 2


LOOK = """
import fcntl, sys
try:
    fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("waits")
"""


def test_others_wait_while_one_fills(models: list[Checkpoint], file: int) -> None:
    def look() -> str:
        command = [sys.executable, "-S", "-c", LOOK, str(file)]
        return subprocess.run(
            command, pass_fds=(file,), capture_output=True, text=True, check=True
        ).stdout

    with common(list(sources_of(models[0]).values())) as found:
        assert found
        assert not found.full
        assert look() == "waits\n"
    assert look() == ""


def test_nan_is_refused_by_every_worker(
    models: list[Checkpoint], file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimerge.merge.weights.all_finite", lambda t: t.shape != (24, 16))
    for _ in range(2):
        with pytest.raises(CheckpointError, match=r"base: .* holds NaN"):
            load_weights(models, "cpu")
    monkeypatch.undo()


def test_a_worker_with_other_tensors_keeps_them_for_itself(
    models: list[Checkpoint], file: int, made_family: Path
) -> None:
    assert in_the_file(load_weights(models, "cpu")) == {True}
    assert in_the_file(load_weights(models[:2], "cpu")) == {False}
    assert in_the_file(load_weights(models, "cpu")) == {True}
    weights = made_family / "red" / "model.safetensors"
    before = weights.stat()
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    try:
        assert in_the_file(load_weights(models, "cpu")) == {False}
    finally:
        os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_what_is_held_in_common_counts_as_free(
    models: list[Checkpoint], file: int, tmp_path: Path
) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemAvailable:   1000 kB\n")
    assert free_main(tmp_path) == 1_024_000
    weights = load_weights(models, "cpu")
    held = in_common()
    assert weights.bytes <= held
    assert free_main(tmp_path) == 1_024_000 + held


def test_another_file_of_that_number_is_not_taken_for_it(
    models: list[Checkpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "mine").open("w+b") as mine:
        for value in (str(mine.fileno()), "-1", "x", "987654"):
            monkeypatch.setenv(SHARED_VARIABLE, value)
            assert shared_file() is None
            assert in_common() == 0
            with common(list(sources_of(models[0]).values())) as found:
                assert found is None
        assert mine.read() == b""
