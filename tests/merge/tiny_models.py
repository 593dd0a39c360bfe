"""Tiny random models of every architecture that is tried: a config each, weights drawn by seed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as hf

LAYERS = 3
Config = Callable[..., Any]

_COMMON: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 32,
    "bos_token_id": None,
    "eos_token_id": 1,
    "pad_token_id": 0,
}


def _config(kind: str, drop: str = "", **more: Any) -> Config:
    settings = {k: v for k, v in _COMMON.items() if k not in drop.split()} | more

    def make(tied: bool) -> Any:
        return getattr(hf, f"{kind}Config")(**settings, tie_word_embeddings=tied)

    return make


_GPT2 = {"n_embd": 16, "n_layer": LAYERS, "n_head": 2, "n_positions": 32}
_MOE = {"moe_intermediate_size": 8, "num_experts_per_tok": 2}
_LAYER_KINDS = {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
_VISION = {"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2}
_VISION |= {"num_attention_heads": 2, "image_size": 16, "patch_size": 8}


def _gemma3(tied: bool) -> Any:
    text = _COMMON | {"head_dim": 8} | _LAYER_KINDS
    return hf.Gemma3Config(
        text_config=text,
        vision_config=_VISION,
        mm_tokens_per_image=4,
        image_token_index=39,
        boi_token_index=37,
        eoi_token_index=38,
        tie_word_embeddings=tied,
    )


def _llava(tied: bool) -> Any:
    return hf.LlavaConfig(
        text_config=_COMMON | {"model_type": "llama", "tie_word_embeddings": tied},
        vision_config=_VISION | {"model_type": "clip_vision_model"},
        image_token_index=39,
        tie_word_embeddings=tied,
    )


def _qwen2_vl(tied: bool) -> Any:
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
    vision = {"depth": 2, "embed_dim": 16, "hidden_size": 16, "num_heads": 2, "mlp_ratio": 2}
    return hf.Qwen2VLConfig(
        text_config=_COMMON | {"rope_parameters": rope, "tie_word_embeddings": tied},
        vision_config=vision | {"patch_size": 4, "spatial_merge_size": 2},
        image_token_id=39,
        tie_word_embeddings=tied,
    )


CONFIGS: dict[str, Config] = {
    "llama": _config("Llama"),
    "qwen2": _config("Qwen2"),
    "qwen3": _config("Qwen3", head_dim=8),
    "mistral": _config("Mistral"),
    "gemma": _config("Gemma", head_dim=8),
    "gemma2": _config("Gemma2", head_dim=8),
    "gemma3_text": _config("Gemma3Text", head_dim=8, **_LAYER_KINDS),
    "phi": _config("Phi"),
    "phi3": _config("Phi3"),
    "gpt2": _config(
        "GPT2",
        "hidden_size intermediate_size num_hidden_layers num_attention_heads "
        "num_key_value_heads max_position_embeddings",
        **_GPT2,
    ),
    "gpt_neox": _config("GPTNeoX", "num_key_value_heads"),
    "olmo2": _config("Olmo2"),
    "cohere": _config("Cohere"),
    "falcon": _config(
        "Falcon", "intermediate_size num_key_value_heads", new_decoder_architecture=False
    ),
    "qwen3_moe": _config("Qwen3Moe", head_dim=8, num_experts=12, **_MOE),
    "mixtral": _config("Mixtral", num_local_experts=3, num_experts_per_tok=2),
    "deepseek_v3": _config(
        "DeepseekV3",
        "num_key_value_heads",
        num_key_value_heads=2,
        n_routed_experts=4,
        n_group=2,
        topk_group=1,
        n_shared_experts=1,
        first_k_dense_replace=1,
        q_lora_rank=6,
        kv_lora_rank=4,
        qk_rope_head_dim=4,
        qk_nope_head_dim=4,
        v_head_dim=4,
        **_MOE,
    ),
    "gemma3": _gemma3,
    "llava": _llava,
    "qwen2_vl": _qwen2_vl,
}
SEEING = ("gemma3", "llava", "qwen2_vl")


def auto_class(config: Any) -> Any:
    """Return the class that loads a model of this config whole."""
    causal = type(config) in hf.MODEL_FOR_CAUSAL_LM_MAPPING
    return hf.AutoModelForCausalLM if causal else hf.AutoModelForImageTextToText


def language_part(name: str) -> bool:
    """Whether a parameter of a live model (not of a file) is the decoder's."""
    return not any(part in name for part in ("visual", "vision_tower", "multi_modal_projector"))


def draw(model: Any, seed: int, start: Any = None) -> None:
    """Fill a model with random weights; with a `start`, the language part drifts from it."""
    generator = torch.Generator().manual_seed(seed)
    done = set()
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) in done or not tensor.is_floating_point():
            continue
        done.add(id(tensor))
        noise = torch.randn(tensor.shape, generator=generator).to(tensor.dtype)
        with torch.no_grad():
            if start is None:
                tensor.copy_(noise * 0.3)
            else:
                tensor.copy_(start[name] + (0.2 * noise if language_part(name) else 0.0))


def save_family(folder: Path, kind: str, tied: bool, dtype: torch.dtype = torch.float32) -> Path:
    """Save base, red and blue of one architecture; return the folder that holds them."""
    config = CONFIGS[kind](tied)
    model = auto_class(config).from_config(config).to(dtype)
    draw(model, 1)
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.save_pretrained(folder / "base")
    for seed, name in enumerate(("red", "blue"), start=2):
        draw(model, seed, start)
        model.save_pretrained(folder / name)
    return folder
