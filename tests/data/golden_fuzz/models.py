"""Writes the tiny Llamas that the random recipes merge: the same numbers on every machine.

Needs torch and safetensors alone, so that mergekit's environment can run it too. A family is a
base, three fine-tunes of it (small changes, sparse ones, large ones) and a twin of the base.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

HIDDEN, INNER, ROWS = 8, 12, 21
FAMILIES = {
    "plain": (3, False, ("bfloat16",)),
    "half": (3, False, ("float16",)),
    "tied": (3, True, ("bfloat16",)),
    "single": (1, False, ("bfloat16",)),
    "deep": (12, False, ("bfloat16",)),
    "mixed": (3, False, ("bfloat16", "float32", "float16", "bfloat16", "bfloat16")),
}
"""Layers, whether the head is the embedding, and the types of base, e1, e2, e3, twin in turn."""
SCALES = {"base": 0.0, "e1": 0.05, "e2": 0.3, "e3": 2.0, "twin": 0.0}
KEPT = {"base": 1.0, "e1": 1.0, "e2": 0.5, "e3": 0.8, "twin": 1.0}


def make_models(folder: Path) -> None:
    """Write every model below `folder`: plain-base, plain-e1, ..."""
    for family, (layers, tied, dtypes) in FAMILIES.items():
        for number, name in enumerate(SCALES):
            dtype = dtypes[number % len(dtypes)]
            tensors = {
                key: _numbers(shape, n) + _change(name, number, shape, n)
                for n, (key, shape) in enumerate(_shapes(layers, tied).items())
            }
            _write(folder / f"{family}-{name}", tensors, layers, tied, dtype)


def _change(name: str, number: int, shape: tuple[int, ...], n: int) -> torch.Tensor:
    kept = _numbers(shape, 5000 * number + n + 77) < 2 * KEPT[name] - 1
    return _numbers(shape, 1000 * number + n) * SCALES[name] * kept


def _write(
    place: Path, tensors: dict[str, torch.Tensor], layers: int, tied: bool, dtype: str
) -> None:
    place.mkdir(parents=True)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": ROWS,
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 4,
        "max_position_embeddings": 32,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": tied,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "dtype": dtype,
    }
    (place / "config.json").write_text(json.dumps(config))
    kind = getattr(torch, dtype)
    data = {name: tensor.to(kind).contiguous() for name, tensor in tensors.items()}
    save_file(data, place / "model.safetensors", metadata={"format": "pt"})


def _shapes(layers: int, tied: bool) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (ROWS, HIDDEN)}
    for layer in (f"model.layers.{n}" for n in range(layers)):
        shapes |= {f"{layer}.self_attn.{p}_proj.weight": (HIDDEN, HIDDEN) for p in "qkvo"}
        shapes[f"{layer}.mlp.gate_proj.weight"] = (INNER, HIDDEN)
        shapes[f"{layer}.mlp.up_proj.weight"] = (INNER, HIDDEN)
        shapes[f"{layer}.mlp.down_proj.weight"] = (HIDDEN, INNER)
        shapes[f"{layer}.input_layernorm.weight"] = (HIDDEN,)
        shapes[f"{layer}.post_attention_layernorm.weight"] = (HIDDEN,)
    shapes["model.norm.weight"] = (HIDDEN,)
    if not tied:
        shapes["lm_head.weight"] = (ROWS, HIDDEN)
    return shapes


def _numbers(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Return numbers between -1 and 1, made of integers: no generator that may change."""
    count = torch.Size(shape).numel()
    mixed = (torch.arange(count, dtype=torch.int64) + 7919 * (seed + 1)) * 2654435761 % 2**32
    mixed = ((mixed ^ (mixed >> 15)) * 2246822519) % 2**32
    return ((mixed.double() / 2**31) - 1).float().reshape(shape)
