from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from optimerge.checkpoint.architecture import is_other_tower, layers_prefix
from optimerge.checkpoint.config import _TIED_BY_DEFAULT, ties_head
from optimerge.checkpoint.headers import TensorInfo
from optimerge.checkpoint.parts import is_constant, merged_names

DECODER = ("layers.0.mlp.up_proj.weight", "layers.1.mlp.up_proj.weight", "norm.weight")


def merged(
    names: list[str],
    config: Mapping[str, Any] = {},
    dtype: str = "F32",
    shape: tuple[int, ...] = (2,),
) -> set[str]:
    tensors = {n: TensorInfo(n, dtype, shape, Path("x"), 0, 8) for n in names}
    return set(merged_names(config, tensors, layers=2))


SEEING = {
    "model.language_model.": ["model.visual.blocks.0.attn.qkv.weight", "model.pooler.weight"],
    "language_model.model.": ["vision_tower.encoder.layers.3.mlp.fc1.weight", "image_newline"],
    "model.": ["visual.merger.mlp.0.weight", "model.mm_projector.0.weight"],
    "model.text_model.": ["model.connector.layers.0.mlp.up_proj.weight", "other.weight"],
}


@pytest.mark.parametrize(("prefix", "others"), SEEING.items())
def test_of_a_model_that_sees_the_language_part_is_merged(prefix: str, others: list[str]) -> None:
    language = {prefix + name for name in DECODER} | {"lm_head.weight"}
    for config in ({"text_config": {}}, {"vision_config": {}}, {"audio_config": {}}):
        assert merged([*language, *others], config) == language


def test_of_a_model_of_text_everything_is_merged_but_what_it_is_known_not_to_be() -> None:
    kept = ["mtp.layers.0.mlp.up_proj.weight", "model.layers.2.mlp.up_proj.weight", "inv_freq"]
    wanted = {f"model.{name}" for name in DECODER} | {"lm_head.weight", "score.weight"}
    assert merged([*wanted, *kept]) == wanted


@pytest.mark.parametrize("dtype", ["I64", "U8", "BOOL", "I32"])
def test_what_is_no_float_is_not_merged(dtype: str) -> None:
    assert merged(["model.layers.0.counter"], dtype=dtype) == set()


@pytest.mark.parametrize(
    ("name", "shape", "constant"),
    [
        ("h.0.attn.bias", (1, 1, 8, 8), True),
        ("h.0.attn.bias", (8,), False),
        ("gpt_neox.layers.0.attention.bias", (1, 1, 8, 8), True),
        ("gpt_neox.layers.0.attention.masked_bias", (), True),
        ("model.layers.0.self_attn.rotary_emb.inv_freq", (4,), True),
        ("transformer.h.0.attn.c_attn.bias", (8,), False),
        ("model.layers.1.mlp.gate.e_score_correction_bias", (4,), False),
        ("model.decoder.embed_positions.weight", (4, 4), False),
    ],
)
def test_constants_are_known_by_name(name: str, shape: tuple[int, ...], constant: bool) -> None:
    assert is_constant(name, shape) == constant


def test_prefixes_and_towers() -> None:
    assert layers_prefix("h.3.attn.c_attn.weight") == ""
    assert layers_prefix("model.language_model.layers.3.x") == "model.language_model."
    assert layers_prefix("model.visual.blocks.3.x") is None
    assert is_other_tower("multi_modal_projector.linear_1.weight")
    assert not is_other_tower("model.layers.3.visual_expert.weight")
    assert not is_other_tower("model.embed_tokens.weight")


def test_ties_by_word_come_before_ties_by_default() -> None:
    assert ties_head({"model_type": "gpt2"})
    assert not ties_head({"model_type": "gpt2", "tie_word_embeddings": False})
    assert ties_head({"model_type": "llama", "text_config": {"tie_word_embeddings": True}})
    assert not ties_head({"model_type": "llama"})
    assert not ties_head({})


@pytest.mark.parametrize("kind", sorted(_TIED_BY_DEFAULT))
def test_types_that_tie_by_default_do_so_in_transformers(kind: str) -> None:
    from transformers import CONFIG_MAPPING

    assert CONFIG_MAPPING[kind]().tie_word_embeddings is True
