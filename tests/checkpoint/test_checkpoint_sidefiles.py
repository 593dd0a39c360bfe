import json

import pytest
import torch
from conftest_checkpoint import load_all, tiny_tensors
from safetensors.torch import save_file

from optimerge.checkpoint.digest import checkpoint_digest, file_digest
from optimerge.checkpoint.folder import open_checkpoint
from optimerge.checkpoint.layout import Slot
from optimerge.checkpoint.sidefiles import copy_side_files
from optimerge.checkpoint.write import CheckpointWriter
from optimerge.errors import CheckpointError

KEPT = [
    *("generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model"),
    *("special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt"),
    *("chat_template.jinja", "qwen.tiktoken", "additional_chat_templates/tool.jinja", "LICENSE"),
]
LEFT = ["README.md", "modeling_x.py", "tokenizer_x.py", "pytorch_model.bin", "x.pt", "notes.txt"]


@pytest.fixture
def copy(model, tmp_path):
    """Return a function: donor's config → (new config, SideFiles)."""

    def run(dtype=None, layers=None, layer_types=None, **config):
        donor = open_checkpoint(str(model(config=config)))
        for name in [*KEPT, *LEFT, "model.safetensors.index.json", "old/x.json", ".git/config"]:
            (donor.path / name).parent.mkdir(exist_ok=True)
            (donor.path / name).write_text(name)
        (tmp_path / "new").mkdir()
        done = copy_side_files(donor, tmp_path / "new", dtype, layers, layer_types)
        return json.loads((tmp_path / "new" / "config.json").read_text()), done

    return run


def test_what_is_copied(copy, tmp_path):
    _, done = copy()
    new = tmp_path / "new"
    found = {file.relative_to(new).as_posix() for file in new.rglob("*") if file.is_file()}
    assert found == {"config.json", *KEPT} == set(done.copied)
    assert set(done.dropped) == set(LEFT)
    assert all((new / name).read_text() == name for name in KEPT)


def test_code_that_is_left_behind_is_said(copy):
    config, done = copy(auto_map={"AutoModel": "modeling_x.X"})
    assert config["auto_map"] == {"AutoModel": "modeling_x.X"}
    (note,) = done.notes
    assert "auto_map" in note
    assert "modeling_x.py, tokenizer_x.py" in note
    assert "not copied" in note


def test_config_as_it_was(copy):
    config, _ = copy(_name_or_path="/home/me/secret")
    assert config["dtype"] == "bfloat16"
    assert config["num_hidden_layers"] == 2
    assert "_name_or_path" not in config


def test_dtype_in_the_new_key(copy):
    config, _ = copy(dtype="float32")
    assert config["dtype"] == "float32"
    assert "torch_dtype" not in config


def test_dtype_in_both_keys_and_inside(model, tmp_path):
    inner = {"torch_dtype": "bfloat16", "num_hidden_layers": 2}
    changes = {"dtype": "absent", "torch_dtype": "bfloat16", "num_hidden_layers": "absent"}
    donor = open_checkpoint(str(model(config={**changes, "text_config": inner})))
    copy_side_files(donor, tmp_path, "float16", 5)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["dtype"] == config["torch_dtype"] == "float16"
    assert config["text_config"] == {"torch_dtype": "float16", "num_hidden_layers": 5}
    assert "num_hidden_layers" not in config
    assert donor.config["text_config"] == inner


def test_layers(copy):
    config, _ = copy(layers=5, layer_types=None)
    assert config["num_hidden_layers"] == 5


def test_layers_of_gpt2(model, tmp_path):
    donor = open_checkpoint(str(model(config={"n_layer": 2, "num_hidden_layers": "absent"})))
    copy_side_files(donor, tmp_path, None, 3)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["n_layer"] == 3
    assert "num_hidden_layers" not in config


@pytest.mark.parametrize(
    ("old", "given", "layers", "new"),
    [
        (["full", "full"], None, 3, ["full"] * 3),
        (["full", "sliding"], None, 2, ["full", "sliding"]),
        (["full", "sliding"], ["sliding", "full", "full"], 3, ["sliding", "full", "full"]),
        (["full", "sliding"], None, 3, None),
        (["full", "sliding"], ["full"], 3, None),
    ],
)
def test_layer_types(model, tmp_path, old, given, layers, new):
    donor = open_checkpoint(str(model(config={"layer_types": old})))
    if new is None:
        with pytest.raises(CheckpointError, match=r"layer_types for 2 layers .* 3 layers"):
            copy_side_files(donor, tmp_path, None, layers, given)
    else:
        copy_side_files(donor, tmp_path, None, layers, given)
        assert json.loads((tmp_path / "config.json").read_text())["layer_types"] == new


def test_digest_is_of_the_content(model, tensors):
    a, b = model("a"), model("b", config={"_name_or_path": "x", "transformers_version": "9"})
    assert checkpoint_digest(open_checkpoint(str(a))) == checkpoint_digest(open_checkpoint(str(b)))
    assert len(file_digest(a / "model.safetensors")) == 32
    found = {checkpoint_digest(open_checkpoint(str(a)))}
    for n, name in enumerate(sorted(tensors)):
        changed = tiny_tensors()
        changed[name] = changed[name] + 1
        folder = model(f"changed{n}", changed)
        found.add(checkpoint_digest(open_checkpoint(str(folder))))
    found.add(checkpoint_digest(open_checkpoint(str(model("c", config={"rope_theta": 5})))))
    assert len(found) == len(tensors) + 2


def test_digest_samples_the_middle_of_each_tensor(tmp_path):
    file = tmp_path / "f.safetensors"
    digests = []
    for at in (0, 999, 500, None):
        values = torch.zeros(1000)
        if at is not None:
            values[at] = 1
        save_file({"a": values, "b": torch.zeros(7)}, file)
        digests.append(file_digest(file))
    first, last, middle, none = digests
    assert first == last == none != middle


def test_digest_of_a_file_that_is_gone(tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read"):
        file_digest(tmp_path / "no.safetensors")


@pytest.mark.parametrize("shard_bytes", [4000, 10**9])
def test_transformers_loads_what_we_write(tmp_path, shard_bytes):
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        tie_word_embeddings=True,
    )
    original = LlamaForCausalLM(config).to(torch.bfloat16)
    original.save_pretrained(tmp_path / "donor")
    donor = open_checkpoint("donor", tmp_path)
    assert donor.tied
    assert (donor.dtype, donor.layers) == ("bfloat16", 2)
    held = load_all(donor, "float32")
    slots = [Slot.like(name, tensor) for name, tensor in held.items()]
    with CheckpointWriter(tmp_path / "new", slots, {}, shard_bytes=shard_bytes) as writer:
        for name, tensor in held.items():
            writer.add(name, tensor)
        copy_side_files(donor, writer.folder, "float32", 2)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "new")
    assert loaded.dtype == torch.float32
    theirs = loaded.state_dict()
    assert theirs.keys() == original.state_dict().keys()
    for name, tensor in original.state_dict().items():
        assert torch.equal(theirs[name], tensor.float())
    new = open_checkpoint("new", tmp_path)
    assert (new.dtype, new.tied) == ("float32", True)
