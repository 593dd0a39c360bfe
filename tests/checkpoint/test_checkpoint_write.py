import json
import os
import shutil
import signal

import pytest
import torch
from conftest_checkpoint import CONFIG, load_all
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.checkpoint.journal import JOURNAL
from optimerge.checkpoint.layout import Slot
from optimerge.checkpoint.read import TensorReader
from optimerge.checkpoint.write import CheckpointWriter
from optimerge.errors import CheckpointError, RecipeError


def slots(tensors):
    return [Slot.like(name, tensor) for name, tensor in tensors.items()]


KEY = {"test": "write"}
ONE = [Slot("a", "F32", (1,))]


def write(directory, tensors, stop=None, **options):
    """Write tensors; `stop`: raise it before the last one."""
    with CheckpointWriter(directory, slots(tensors), KEY, **options) as writer:
        for n, (name, tensor) in enumerate(tensors.items()):
            if stop and n == len(tensors) - 1:
                raise stop
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
    wanted = [Slot(str(n), "F32", (3,)) for n in range(3)]
    with CheckpointWriter(tmp_path / "m", wanted, KEY) as writer:
        for n in range(3):
            scratch.fill_(n)
            writer.add(str(n), scratch)
    loaded = load_file(tmp_path / "m" / "model.safetensors")
    assert {name: tensor[0].item() for name, tensor in loaded.items()} == {"0": 0, "1": 1, "2": 2}


def test_files_are_those_of_the_safetensors_library(tmp_path, tensors):
    given = {**tensors, "a.wide": torch.ones(3), "b.integers": torch.arange(3)}
    for n, held in enumerate((tensors, given, {'é"\\': torch.ones(2)})):
        write(tmp_path / str(n), held)
        save_file(held, tmp_path / "theirs.safetensors", metadata={"format": "pt"})
        ours = (tmp_path / str(n) / "model.safetensors").read_bytes()
        assert ours == (tmp_path / "theirs.safetensors").read_bytes()


def test_what_is_not_the_next_tensor_is_refused(tmp_path, tensors):
    with CheckpointWriter(tmp_path / "m", slots(tensors), KEY) as writer:
        (first, tensor), (second, other), *_ = tensors.items()
        for name, wrong in ((second, other), (first, tensor[1:]), (first, tensor.float())):
            with pytest.raises(ValueError, match="tensor 0"):
                writer.add(name, wrong)
        for name, right in tensors.items():
            writer.add(name, right)
        with pytest.raises(ValueError, match=f"tensor {len(tensors)}"):
            writer.add("more", tensor)


def test_same_name_twice(tmp_path):
    with pytest.raises(ValueError, match="one name"):
        CheckpointWriter(tmp_path / "m", ONE * 2, KEY)


def test_what_is_missing_is_noticed(tmp_path):
    with (
        pytest.raises(ValueError, match="1 tensors were not added"),
        CheckpointWriter(tmp_path / "m", ONE, KEY),
    ):
        pass
    assert os.listdir(tmp_path) == []


def test_nothing_to_write(tmp_path):
    with pytest.raises(CheckpointError, match="no tensor is to be written"):
        CheckpointWriter(tmp_path / "m", [], KEY)


# Python 3.12 warns of any fork beside threads; this child only writes two files and dies.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_killed_writer_leaves_nothing_at_the_name(tmp_path, tensors):
    child = os.fork()
    if child == 0:
        try:
            with CheckpointWriter(tmp_path / "m", slots(tensors), KEY, shard_bytes=1) as writer:
                for name, tensor in tensors.items():
                    writer.add(name, tensor)
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    (left,) = os.listdir(tmp_path)
    assert left == ".m.partial"
    assert sorted(os.listdir(tmp_path / left)) == [JOURNAL, "model"]
    assert len(os.listdir(tmp_path / left / "model")) == len(tensors)
    write(tmp_path / "m", tensors)
    assert set(open_checkpoint(str(tmp_path / "m")).tensors) == set(tensors)
    assert os.listdir(tmp_path) == ["m"]


def test_bad_input_leaves_nothing(tmp_path, tensors):
    with pytest.raises(RecipeError):
        write(tmp_path / "m", tensors, stop=RecipeError("no such number"), shard_bytes=1)
    assert os.listdir(tmp_path) == []


def test_existing_folder(tmp_path, tensors):
    write(tmp_path / "m", tensors)
    with pytest.raises(CheckpointError) as error:
        CheckpointWriter(tmp_path / "m", slots(tensors), KEY)
    refused(error, str(tmp_path / "m"), "not empty", "name another folder")
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", tensors)
    assert open_checkpoint(str(tmp_path / "empty")).layers == 2


@pytest.mark.parametrize("kind", ["file", "link"])
def test_existing_file(tmp_path, kind):
    target = tmp_path / "m"
    target.touch() if kind == "file" else target.symlink_to(tmp_path)
    with pytest.raises(CheckpointError, match="a file or a link"):
        CheckpointWriter(target, ONE, KEY)


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
    shutil.rmtree(found.path)
    write(found.path, other)
    with pytest.raises(CheckpointError, match="changed while"), TensorReader(found) as reader:
        reader.read("lm_head.weight")
