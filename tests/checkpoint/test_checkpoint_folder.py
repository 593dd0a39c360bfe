import json

import pytest
import torch
from conftest_checkpoint import tiny_tensors
from safetensors.torch import save_file

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.errors import CheckpointError


def refused(folder, *words):
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(str(folder))
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_single_file(model, tensors):
    found = open_checkpoint("m", relative_to=model().parent)
    assert found.reference == "m"
    assert set(found.tensors) == set(tensors)
    assert found.layers == 2
    assert found.architecture == "LlamaForCausalLM"
    assert found.model_type == "llama"
    assert found.dtype == "bfloat16"
    assert not found.tied
    assert found.parameters == sum(t.numel() for t in tensors.values())
    assert found.bytes == 2 * found.parameters


def test_shards(sharded, tensors):
    found = open_checkpoint(str(sharded))
    assert {name: info.shape for name, info in found.tensors.items()} == {
        name: tuple(tensor.shape) for name, tensor in tensors.items()
    }
    assert len({info.file for info in found.tensors.values()}) == 2


def test_single_file_comes_before_the_index_as_in_transformers(sharded):
    save_file({"only": torch.zeros(1)}, sharded / "model.safetensors")
    assert set(open_checkpoint(str(sharded)).tensors) == {"only"}


def test_missing_shard(sharded):
    (sharded / "model-00002-of-00002.safetensors").unlink()
    refused(sharded, str(sharded), "'model-00002-of-00002.safetensors'", "download that file")


def test_cut_shard(sharded):
    file = sharded / "model-00002-of-00002.safetensors"
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:-1])
    refused(sharded, str(file), f"{size} bytes are expected, {size - 1} found")


def change_index(folder, change):
    file = folder / "model.safetensors.index.json"
    index = json.loads(file.read_text())
    change(index["weight_map"])
    file.write_text(json.dumps(index))


def test_index_names_a_tensor_that_its_shard_lacks(sharded):
    shard = "model-00001-of-00002.safetensors"
    change_index(sharded, lambda names: names.update({"ghost.weight": shard}))
    refused(sharded, "'ghost.weight'", repr(shard), "different models")


def test_shard_holds_a_tensor_that_the_index_lacks(sharded):
    change_index(sharded, lambda names: names.pop("model.norm.weight"))
    refused(sharded, "'model.norm.weight'", "does not say", "different models")


@pytest.mark.parametrize("shard", ["../m.safetensors", "/etc/passwd", "", 3, "a\0b"])
def test_index_cannot_lead_out_of_the_folder(sharded, shard):
    change_index(sharded, lambda names: names.update({"model.norm.weight": shard}))
    refused(sharded, "no file name", repr(shard))


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"weight_map": []}', '{"weight_map": {}}'])
def test_broken_index(sharded, content):
    (sharded / "model.safetensors.index.json").write_text(content)
    refused(sharded, "model.safetensors.index.json", "again")


def test_no_config(model):
    folder = model()
    (folder / "config.json").unlink()
    refused(folder, str(folder), "has no config.json", "Hugging Face")


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "\xff"])
def test_config_of_invalid_json(model, content):
    folder = model()
    (folder / "config.json").write_bytes(content.encode("latin-1"))
    refused(folder, str(folder / "config.json"), "not valid JSON")


def test_config_that_is_a_list(model):
    folder = model()
    (folder / "config.json").write_text("[1]")
    refused(folder, "not a JSON object but a list")


def test_only_pickles(model):
    folder = model()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(folder, "'pytorch_model.bin'", "pickled", "convert them to safetensors")


def test_no_weights(model):
    folder = model()
    (folder / "model.safetensors").unlink()
    refused(folder, str(folder), "has no weights")


def test_shards_without_index(sharded):
    (sharded / "model.safetensors.index.json").unlink()
    refused(sharded, "'model-00001-of-00002.safetensors'", "index")


def test_lora_adapter(model):
    folder = model()
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text("{}")
    refused(folder, "is a LoRA adapter and no whole model", "name it with its base: BASE+")


def test_no_tensor(model):
    refused(model(tensors={}), "holds no tensor")


def test_layers_of_other_configs(model):
    nested = {"num_hidden_layers": "absent", "text_config": {"num_hidden_layers": 7}}
    assert open_checkpoint(str(model("nested", config=nested))).layers == 7
    gpt2 = {"num_hidden_layers": "absent", "n_layer": 5}
    assert open_checkpoint(str(model("gpt2", config=gpt2))).layers == 5
    counted = {"num_hidden_layers": "absent"}
    assert open_checkpoint(str(model("counted", config=counted))).layers == 2


def test_architecture_falls_back_to_the_type(model):
    found = open_checkpoint(str(model(config={"architectures": "absent"})))
    assert found.architecture == found.model_type == "llama"


def test_dtype_is_that_of_most_parameters(model):
    tensors = tiny_tensors() | {"model.norm.weight": torch.ones(8)}
    assert open_checkpoint(str(model(tensors=tensors))).dtype == "bfloat16"


TIED = {"tie_word_embeddings": True}


def test_tied_without_head(model):
    tensors = tiny_tensors(head=False)
    assert open_checkpoint(str(model("a", tensors, TIED))).tied
    assert open_checkpoint(str(model("b", tensors, {"tie_word_embeddings": "absent"}))).tied
    assert open_checkpoint(str(model("c", tensors, {"text_config": TIED}))).tied
    assert not open_checkpoint(str(model("d", tensors))).tied


def test_a_tied_head_stored_again_is_left_out(model):
    tensors = tiny_tensors()
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    found = open_checkpoint(str(model(tensors=tensors, config=TIED)))
    assert found.tied
    assert "lm_head.weight" not in found.tensors


def test_a_head_of_its_own_stays_whatever_the_config_says(model):
    # As transformers 5 loads it: two tensors of different values are not tied.
    tensors = tiny_tensors()
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    tensors["lm_head.weight"][-1, -1] += 1
    found = open_checkpoint(str(model(tensors=tensors, config=TIED)))
    assert not found.tied
    assert "lm_head.weight" in found.tensors
