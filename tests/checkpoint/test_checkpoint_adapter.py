"""LoRA adapters: what is read, what is refused, and equality with what peft bakes in."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest_checkpoint import load_all
from safetensors.torch import load_file, save_file

from optimerge.checkpoint.differences import differences
from optimerge.checkpoint.digest import checkpoint_digest
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.read import TensorReader
from optimerge.checkpoint.reference import split_adapter
from optimerge.errors import CheckpointError

GOLDEN = Path(__file__).parents[1] / "data" / "golden_lora"
COPIES = {
    "conv": "gpt2-bf16+adapters/conv",
    "f32": "qwen-f32+adapters/patterns",
    "heads": "qwen-bf16+adapters/heads",
    "patterns": "qwen-bf16+adapters/patterns",
    "plain": "qwen-bf16+adapters/plain",
    "table": "tied-bf16+adapters/table",
    "whole": "qwen-bf16+adapters/whole",
}


@pytest.mark.parametrize("name", COPIES)
def test_base_and_adapter_are_what_mergekit_makes_of_them(name: str) -> None:
    found = load_all(open_checkpoint(f"models/{COPIES[name]}", GOLDEN))
    wanted = load_file(GOLDEN / "merged" / f"copy_{name}.safetensors")
    assert found.keys() == wanted.keys()
    assert [n for n in wanted if not torch.equal(found[n], wanted[n])] == []
    assert {t.dtype for t in found.values()} == {t.dtype for t in wanted.values()}


def test_every_copy_of_the_golden_set_is_compared() -> None:
    there = {path.stem.removeprefix("copy_") for path in (GOLDEN / "merged").glob("copy_*")}
    assert there == set(COPIES)


def test_unrounded_weights_are_the_float32_sum() -> None:
    reference = open_checkpoint("models/qwen-bf16+adapters/plain", GOLDEN)
    base = load_all(open_checkpoint("models/qwen-bf16", GOLDEN))
    factors = load_file(GOLDEN / "adapters" / "plain" / "adapter_model.safetensors")
    name = "model.layers.1.self_attn.v_proj"
    prefix = f"base_model.model.{name}.lora_"
    change = 2.0 * factors[f"{prefix}B.weight"].double() @ factors[f"{prefix}A.weight"].double()
    wanted = base[f"{name}.weight"].double() + change
    with TensorReader(reference, rounded=False) as reader:
        found = reader.read(f"{name}.weight")
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), wanted, rtol=0, atol=1e-7)
        assert torch.equal(reader.read("model.norm.weight"), base["model.norm.weight"])
    baked = load_file(GOLDEN / "merged" / "copy_plain.safetensors")[f"{name}.weight"]
    assert float((baked.double() - wanted).abs().max()) > 1e-4  # what rounding costs


def test_an_adapter_changes_the_digest_of_its_base() -> None:
    plain, patterns, base = (
        checkpoint_digest(open_checkpoint(f"models/qwen-bf16{more}", GOLDEN))
        for more in ("+adapters/plain", "+adapters/patterns", "")
    )
    assert len({plain, patterns, base}) == 3


def test_another_base_than_the_adapters_own_is_a_note() -> None:
    other = open_checkpoint("models/tuned-bf16+adapters/plain", GOLDEN)
    (note,) = differences([other])
    assert "was trained on 'models/qwen-bf16' and is added to 'models/tuned-bf16'" in note
    assert differences([open_checkpoint("models/qwen-bf16+adapters/plain", GOLDEN)]) == []


@pytest.fixture
def adapter(tmp_path: Path) -> Callable[..., Checkpoint]:
    """Return a function that opens a copy of an adapter with another config or other tensors."""

    def change(
        name: str = "plain",
        base: str = "qwen-bf16",
        tensors: Callable[[dict[str, torch.Tensor]], Any] = lambda _: None,
        **settings: object,
    ) -> Checkpoint:
        folder = tmp_path / "adapter"
        shutil.copytree(GOLDEN / "adapters" / name, folder)
        config = json.loads((folder / "adapter_config.json").read_text())
        (folder / "adapter_config.json").write_text(json.dumps({**config, **settings}))
        held = load_file(folder / "adapter_model.safetensors")
        tensors(held)
        save_file(held, folder / "adapter_model.safetensors")
        return open_checkpoint(f"{GOLDEN}/models/{base}+{folder}")

    return change


FIRST = "base_model.model.model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"peft_type": "LOHA"}, ["'LOHA'", "only LORA"]),
        ({"use_dora": True}, ["use_dora", "DoRA"]),
        ({"use_qalora": True}, ["quantised"]),
        ({"lora_bias": True}, ["lora_bias"]),
        ({"init_lora_weights": "pissa_niter_16"}, ["pissa_niter_16", "changes the base weights"]),
        ({"trainable_token_indices": [1]}, ["trainable_token_indices"]),
        ({"target_parameters": ["experts.gate_up_proj"]}, ["target_parameters"]),
        ({"arrow_config": {"top_k": 1}}, ["arrow_config", "not known here"]),
        ({"r": 0}, ["rank r is 0"]),
        ({"lora_alpha": None}, ["lora_alpha is None"]),
        ({"rank_pattern": {"q_(": 2}}, ["does not make sense"]),
        ({"r": 5}, ["at rank 5", "the base that the adapter was trained on"]),
        ({"target_modules": ["k_proj"]}, ["target_modules", "peft would leave them out"]),
        ({"target_modules": r".*\.v_proj"}, ["target_modules", "peft would leave them out"]),
    ],
    ids=str,
)
def test_configs_that_are_no_plain_lora(
    adapter: Callable[..., Checkpoint], settings: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(CheckpointError) as caught:
        adapter(**settings)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def without_b(held: dict[str, torch.Tensor]) -> None:
    del held[f"{FIRST}.lora_B.weight"]


def magnitude(held: dict[str, torch.Tensor]) -> None:
    held[f"{FIRST}.lora_magnitude_vector"] = torch.ones(16)


def elsewhere(held: dict[str, torch.Tensor]) -> None:
    held["base_model.model.model.layers.9.mlp.down_proj.lora_A.weight"] = torch.ones(4, 24)
    held["base_model.model.model.layers.9.mlp.down_proj.lora_B.weight"] = torch.ones(16, 4)


def integers(held: dict[str, torch.Tensor]) -> None:
    held[f"{FIRST}.lora_A.weight"] = torch.ones(4, 16, dtype=torch.int8)


def resized(held: dict[str, torch.Tensor]) -> None:
    held["base_model.model.model.embed_tokens.weight"] = torch.ones(24, 16)


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        (without_b, "not just one lora_A and one lora_B"),
        (magnitude, "no part of a plain LoRA adapter"),
        (elsewhere, "its base has no tensors of that name"),
        (integers, "of type I8"),
        (resized, "of shape 24 x 16, its base of 20 x 16"),
        (dict.clear, "changes no tensor"),
    ],
)
def test_tensors_that_do_not_fit(
    adapter: Callable[..., Checkpoint], tensors: Callable[..., Any], words: str
) -> None:
    with pytest.raises(CheckpointError, match=words):
        adapter(tensors=tensors)


def test_a_tied_head_cannot_change_alone(adapter: Callable[..., Checkpoint]) -> None:
    with pytest.raises(CheckpointError, match="ties to its token embedding"):
        adapter("heads", base="tied-bf16")


def test_a_tied_embedding_cannot_be_replaced(adapter: Callable[..., Checkpoint]) -> None:
    def no_head(held: dict[str, torch.Tensor]) -> None:
        del held["base_model.model.lm_head.weight"]

    with pytest.raises(CheckpointError, match="ties to its output head"):
        adapter("whole", base="tied-bf16", tensors=no_head)


def test_names_without_the_prefix_of_the_base_are_found(adapter: Callable[..., Checkpoint]) -> None:
    def shorter(held: dict[str, torch.Tensor]) -> None:
        for name in list(held):
            held[name.replace("base_model.model.model.", "base_model.model.")] = held.pop(name)

    found = load_all(adapter(tensors=shorter))
    wanted = load_file(GOLDEN / "merged" / "copy_plain.safetensors")
    assert all(torch.equal(found[n], wanted[n]) for n in wanted)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "adapters" / "plain", tmp_path / "old")
    (tmp_path / "old" / "adapter_model.safetensors").rename(tmp_path / "old" / "adapter_model.bin")
    with pytest.raises(CheckpointError, match=r"'adapter_model\.bin', which can run code"):
        open_checkpoint(f"{GOLDEN}/models/qwen-bf16+{tmp_path}/old")


def test_an_adapter_alone_is_no_model() -> None:
    with pytest.raises(CheckpointError, match=r"is a LoRA adapter.*BASE\+"):
        open_checkpoint("adapters/plain", GOLDEN)


def test_a_model_is_no_adapter() -> None:
    with pytest.raises(CheckpointError, match="name the folder of a LoRA adapter after the"):
        open_checkpoint("models/qwen-bf16+models/tuned-bf16", GOLDEN)


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("org/base", ("org/base", None)),
        ("org/base+org/adapter", ("org/base", "org/adapter")),
        ("org/base@v1+org/adapter@v2", ("org/base@v1", "org/adapter@v2")),
        ("c++", ("c++", None)),
        ("c+++more", ("c++", "more")),
    ],
)
def test_references_with_an_adapter(
    tmp_path: Path, reference: str, parts: tuple[str, str | None]
) -> None:
    (tmp_path / "c++").mkdir()
    assert split_adapter(reference, tmp_path) == parts


@pytest.mark.parametrize("reference", ["a+b+c", "+b", "a+"])
def test_references_that_name_no_adapter(reference: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"write MODEL\+ADAPTER"):
        split_adapter(reference, tmp_path)
