import errno
import json
import os
import signal
from pathlib import Path

import pytest
import torch
from conftest_checkpoint import CONFIG
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from optimerge.checkpoint import staging
from optimerge.checkpoint.folder import open_checkpoint
from optimerge.checkpoint.read import TensorReader, load_all
from optimerge.checkpoint.write import CheckpointWriter
from optimerge.errors import CheckpointError


def write(directory, tensors, **options):
    with CheckpointWriter(directory, **options) as writer:
        for name, tensor in tensors.items():
            writer.add(name, tensor)
        (writer.folder / "config.json").write_text(json.dumps(CONFIG))


def refused(error, *words):
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shard_bytes", [1, 150, 200, 10**9])
def test_round_trip(tmp_path, tensors, shard_bytes):
    write(tmp_path / "new" / "m", tensors, shard_bytes=shard_bytes)
    found = open_checkpoint("m", tmp_path / "new")
    loaded = load_all(found)
    assert set(loaded) == set(tensors)
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)
    assert os.listdir(tmp_path / "new") == ["m"]
    largest = max(t.numel() * t.element_size() for t in tensors.values())
    for file in (tmp_path / "new" / "m").glob("*.safetensors"):
        assert sum(t.nbytes for t in load_file(file).values()) <= max(largest, shard_bytes)


def test_names_of_shards_and_index(tmp_path, tensors):
    write(tmp_path / "m", tensors, shard_bytes=1)
    count = len(tensors)
    shards = [f"model-{n + 1:05d}-of-{count:05d}.safetensors" for n in range(count)]
    index = json.loads((tmp_path / "m" / "model.safetensors.index.json").read_text())
    total = sum(t.nbytes for t in tensors.values())
    assert index == {
        "metadata": {"total_size": total},
        "weight_map": dict(zip(tensors, shards, strict=True)),
    }
    expected = {*shards, "config.json", "model.safetensors.index.json"}
    assert set(os.listdir(tmp_path / "m")) == expected
    with safe_open(str(tmp_path / "m" / shards[0]), framework="pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_single_shard_has_no_index(tmp_path, tensors):
    write(tmp_path / "m", tensors)
    assert set(os.listdir(tmp_path / "m")) == {"model.safetensors", "config.json"}
    assert (tmp_path / "m" / "model.safetensors").stat().st_mode & 0o444


def test_tensors_of_any_layout(tmp_path):
    whole = torch.arange(12.0).reshape(3, 4)
    given = {
        "whole": whole,
        "tied": whole,
        "view": whole[1:],
        "transposed": whole.T,
        "expanded": torch.ones(1).expand(5),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(2.0),
        "integers": torch.arange(3),
        "trained": torch.ones(2, requires_grad=True),
    }
    write(tmp_path / "m", given)
    loaded = load_file(tmp_path / "m" / "model.safetensors")
    assert set(loaded) == set(given)
    assert all(torch.equal(loaded[name], tensor) for name, tensor in given.items())


def test_the_caller_may_reuse_a_tensor(tmp_path):
    scratch = torch.zeros(3)
    with CheckpointWriter(tmp_path / "m") as writer:
        for n in range(3):
            scratch.fill_(n)
            writer.add(str(n), scratch)
    loaded = load_file(tmp_path / "m" / "model.safetensors")
    assert {name: tensor[0].item() for name, tensor in loaded.items()} == {"0": 0, "1": 1, "2": 2}


def test_one_shard_is_held_at_most(tmp_path, tensors):
    with CheckpointWriter(tmp_path / "m", shard_bytes=200) as writer:
        for name, tensor in tensors.items():
            writer.add(name, tensor)
            assert sum(t.nbytes for t in writer._buffer.values()) <= 200
            assert not (tmp_path / "m").exists()


def test_same_name_twice(tmp_path):
    with CheckpointWriter(tmp_path / "m") as writer:
        writer.add("a", torch.zeros(1))
        with pytest.raises(ValueError, match="twice"):
            writer.add("a", torch.zeros(1))


def test_nothing_added(tmp_path):
    with pytest.raises(CheckpointError, match="no tensor was written"):
        write(tmp_path / "m", {})
    assert os.listdir(tmp_path) == []


def test_no_shards_of_nothing(tmp_path):
    with pytest.raises(CheckpointError, match="too small"):
        CheckpointWriter(tmp_path / "m", shard_bytes=0)


class Interrupting:
    """A tensor that someone presses Ctrl-C at."""

    def numel(self):
        raise KeyboardInterrupt


def test_an_error_leaves_nothing(tmp_path, tensors):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "m", {**tensors, "z": Interrupting()}, shard_bytes=1)
    assert os.listdir(tmp_path) == []


# Python 3.12 warns of any fork beside threads; this child only writes two files and dies.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_killed_writer_leaves_nothing_at_the_name(tmp_path, tensors):
    child = os.fork()
    if child == 0:
        try:
            with CheckpointWriter(tmp_path / "m", shard_bytes=1) as writer:
                for name, tensor in tensors.items():
                    writer.add(name, tensor)
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    (left,) = os.listdir(tmp_path)
    assert left == f".m.partial-{child}"
    assert len(os.listdir(tmp_path / left)) == len(tensors) - 1
    write(tmp_path / "m", tensors)
    assert set(open_checkpoint(str(tmp_path / "m")).tensors) == set(tensors)


def test_existing_folder(tmp_path, tensors):
    write(tmp_path / "m", tensors)
    with pytest.raises(CheckpointError) as error:
        CheckpointWriter(tmp_path / "m")
    refused(error, str(tmp_path / "m"), "not empty", "name another folder")
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", tensors)
    assert open_checkpoint(str(tmp_path / "empty")).layers == 2


def test_folder_filled_meanwhile(tmp_path):
    writer = CheckpointWriter(tmp_path / "m").__enter__()
    writer.add("a", torch.zeros(1))
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "notes.txt").touch()
    with pytest.raises(CheckpointError, match="not empty"):
        writer.__exit__(None, None, None)
    assert os.listdir(tmp_path) == ["m"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_existing_file(tmp_path, kind):
    target = tmp_path / "m"
    target.touch() if kind == "file" else target.symlink_to(tmp_path)
    with pytest.raises(CheckpointError, match="a file or a link"):
        CheckpointWriter(target, overwrite=True)


def test_overwrite(tmp_path, tensors):
    write(tmp_path / "m", tensors, shard_bytes=1)
    write(tmp_path / "m", {"a": torch.ones(1)}, overwrite=True)
    assert set(os.listdir(tmp_path / "m")) == {"model.safetensors", "config.json"}
    assert os.listdir(tmp_path) == ["m"]


def test_overwrite_keeps_the_old_model_on_an_error(tmp_path, tensors):
    write(tmp_path / "m", tensors)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "m", {"a": torch.ones(1), "z": Interrupting()}, overwrite=True)
    assert set(open_checkpoint(str(tmp_path / "m")).tensors) == set(tensors)
    assert os.listdir(tmp_path) == ["m"]


def test_overwrite_never_removes_what_is_no_model(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").touch()
    with pytest.raises(CheckpointError, match="holds no model"):
        CheckpointWriter(tmp_path / "home", overwrite=True)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("I/O error: No space left on device (os error 28)"),
    ],
)
def test_full_disk(tmp_path, tensors, monkeypatch, error):
    def fail(*args, **options):
        raise error

    monkeypatch.setattr("safetensors.torch.save_file", fail)
    with pytest.raises(CheckpointError) as caught:
        write(tmp_path / "m", tensors)
    needed = sum(t.nbytes for t in tensors.values())
    refused(caught, str(tmp_path / "m"), "is full", f"{needed} bytes are needed", "free")
    assert os.listdir(tmp_path) == []


def test_full_disk_for_real():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(CheckpointError, match="is full"), staging.disk_errors(full, 3):
        full.write_bytes(b"abc")


def test_no_permission(tmp_path, monkeypatch):
    def fail(*args, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(CheckpointError) as caught:
        write(tmp_path / "m", {})
    refused(caught, str(tmp_path / "m"), "Permission denied", "check its permissions")


def test_reader_opens_a_file_once_and_leaves_it_alone(sharded, tensors):
    before = {file: file.read_bytes() for file in sharded.iterdir()}
    with TensorReader(open_checkpoint(str(sharded))) as reader:
        kept = {}
        for name in tensors:
            kept[name] = reader.read(name, device="cpu")
            assert torch.equal(kept[name], tensors[name])
            kept[name].zero_()
        assert len(reader._files) == 2
        assert torch.equal(reader.read("lm_head.weight"), tensors["lm_head.weight"])
    assert not kept["lm_head.weight"].any()
    assert before == {file: file.read_bytes() for file in sharded.iterdir()}


def test_reader_without_the_tensor_or_its_file(sharded):
    found = open_checkpoint(str(sharded))
    with pytest.raises(CheckpointError, match="has no tensor 'x'"), TensorReader(found) as reader:
        reader.read("x")
    for file in sharded.glob("*.safetensors"):
        file.unlink()
    with pytest.raises(CheckpointError, match="cannot be read"), TensorReader(found) as reader:
        reader.read("lm_head.weight")


def test_reader_of_a_file_that_changed(model, sharded, tensors):
    found = open_checkpoint(str(model()))
    other = {name: tensor[..., :1].contiguous() for name, tensor in tensors.items()}
    write(found.path, other, overwrite=True)
    with pytest.raises(CheckpointError, match="changed while"), TensorReader(found) as reader:
        reader.read("lm_head.weight")


@pytest.mark.parametrize("dtype", ["float32", torch.float32])
def test_load_all_casts_floats_only(tmp_path, dtype):
    tensors = {"a": torch.ones(2, dtype=torch.bfloat16), "b": torch.arange(2)}
    write(tmp_path / "m", tensors)
    loaded = load_all(open_checkpoint(str(tmp_path / "m")), dtype)
    assert loaded["a"].dtype == torch.float32
    assert loaded["b"].dtype == torch.int64
