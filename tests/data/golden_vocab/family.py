"""Writes tiny models whose vocabularies differ: the same numbers on every machine.

Needs torch, safetensors and tokenizers alone, so that mergekit's environment can run it too.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

HIDDEN = 8
COMMON = ["<unk>", "<s>", "</s>"]
WORDS = {
    "base": [*COMMON, *["the", "cat", "sat", "on", "a", "mat", "and", "slept"]],
    "same": [*COMMON, *["the", "cat", "sat", "on", "a", "mat", "and", "slept"]],
    "chat": [*COMMON, *["the", "cat", "sat", "on", "a", "mat", "and", "slept"]],
    "moved": [*["mat", "a", "on", "sat", "cat", "the"], *COMMON, *["dog", "ran", "far", "zebra"]],
    "other": ["</s>", "<unk>", "<s>", *["dog", "the", "ran", "mat", "der", "Hund", "apple"]],
    "roomy": [*COMMON, *["the", "cat", "sat", "on", "a", "mat", "and", "slept"]],
}
ADDED = {"chat": ["<|start|>", "<|end|>"], "moved": ["<|end|>"]}
SPARE_ROWS = {"roomy": 5}


def make_family(folder: Path, dtype: str) -> None:
    """Write every model below `folder`; `dtype`: float32 or bfloat16."""
    for seed, name in enumerate(WORDS):
        tokenizer = _tokenizer(name)
        rows = tokenizer.get_vocab_size(with_added_tokens=True) + SPARE_ROWS.get(name, 0)
        place = folder / name
        place.mkdir(parents=True)
        tokenizer.save(str(place / "tokenizer.json"))
        ids = tokenizer.get_vocab()
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}
        settings |= {"bos_token": "<s>", "eos_token": "</s>"}
        (place / "tokenizer_config.json").write_text(json.dumps(settings))
        config = {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": rows,
            "hidden_size": HIDDEN,
            "intermediate_size": 12,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 4,
            "max_position_embeddings": 32,
            "rms_norm_eps": 1e-6,
            "tie_word_embeddings": False,
            "bos_token_id": ids["<s>"],
            "eos_token_id": ids["</s>"],
            "dtype": dtype,
        }
        (place / "config.json").write_text(json.dumps(config))
        tensors = {
            key: _numbers(shape, seed * 100 + n).to(getattr(torch, dtype))
            for n, (key, shape) in enumerate(_shapes(rows).items())
        }
        save_file(tensors, place / "model.safetensors", metadata={"format": "pt"})


def _tokenizer(name: str) -> Tokenizer:
    vocabulary = {word: number for number, word in enumerate(WORDS[name])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(COMMON)
    chat = ADDED.get(name, [])
    tokenizer.add_tokens([AddedToken(text, special=True, normalized=False) for text in chat])
    return tokenizer


def _shapes(rows: int) -> dict[str, tuple[int, ...]]:
    layer = "model.layers.0"
    return {
        "model.embed_tokens.weight": (rows, HIDDEN),
        **{f"{layer}.self_attn.{p}_proj.weight": (HIDDEN, HIDDEN) for p in "qkvo"},
        f"{layer}.mlp.gate_proj.weight": (12, HIDDEN),
        f"{layer}.mlp.up_proj.weight": (12, HIDDEN),
        f"{layer}.mlp.down_proj.weight": (HIDDEN, 12),
        f"{layer}.input_layernorm.weight": (HIDDEN,),
        f"{layer}.post_attention_layernorm.weight": (HIDDEN,),
        "model.norm.weight": (HIDDEN,),
        "lm_head.weight": (rows, HIDDEN),
    }


def _numbers(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Return numbers between -1 and 1, made of integers: no generator that may change."""
    count = torch.Size(shape).numel()
    mixed = (torch.arange(count, dtype=torch.int64) + 7919 * (seed + 1)) * 2654435761 % 2**32
    return ((mixed.double() / 2**31) - 1).float().reshape(shape)
