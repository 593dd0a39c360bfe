"""Writes this folder: tiny models, PEFT adapters, recipes and what mergekit 0.1.5 makes of them.

Needs an environment with mergekit 0.1.5 and peft (never dependencies of optimerge):

    python tests/data/golden_lora/make.py             # writes beside this file

`models/` are bases and one fine-tune, `adapters/` LoRA adapters that peft itself saved,
`recipes/` merges of `base+adapter`, `merged/` mergekit's output for each (seed 7). Magnitude ties
are put in the order of their indices, as in `../golden/make_digests.py`.
"""

import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import peft
import torch
import yaml
from transformers import GPT2Config, GPT2LMHeadModel, Qwen2Config, Qwen2ForCausalLM

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "golden"))
SEED = 7

ADAPTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("qwen-bf16", {"r": 4, "target_modules": ["q_proj", "v_proj", "down_proj"]}),
    "patterns": (
        "qwen-bf16",
        {
            "r": 3,
            "lora_alpha": 5,
            "use_rslora": True,
            "target_modules": "all-linear",
            "rank_pattern": {"layers.0.mlp.up_proj": 6, "k_proj": 2},
            "alpha_pattern": {"v_proj": 1},
        },
    ),
    "heads": ("qwen-bf16", {"r": 2, "target_modules": ["embed_tokens", "lm_head", "q_proj"]}),
    "whole": (
        "qwen-bf16",
        {
            "r": 2,
            "target_modules": ["o_proj"],
            "modules_to_save": ["lm_head", "embed_tokens"],
            "bias": "all",
        },
    ),
    "conv": ("gpt2-bf16", {"r": 2, "target_modules": ["c_attn", "c_fc"], "fan_in_fan_out": True}),
    "table": ("tied-bf16", {"r": 2, "target_modules": ["embed_tokens", "q_proj"]}),
}
BFLOAT16_ADAPTERS = {"patterns"}


def qwen(seed: int, **settings: Any) -> Qwen2ForCausalLM:
    """Return a random Qwen2 (mergekit drops the biases of a Llama)."""
    torch.manual_seed(seed)  # noqa: TID251 (models draw from the global stream)
    given = {
        "vocab_size": 20,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "tie_word_embeddings": False,
        "initializer_range": 0.3,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    return Qwen2ForCausalLM(Qwen2Config(**{**given, **settings}))


def make_models() -> None:
    """Write the bases, and a fine-tune of the Qwen."""
    base = qwen(0).to(torch.bfloat16)
    base.save_pretrained(FOLDER / "models/qwen-bf16")
    qwen(0).save_pretrained(FOLDER / "models/qwen-f32")
    with torch.no_grad():
        for parameter in base.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    base.save_pretrained(FOLDER / "models/tuned-bf16")
    qwen(1, tie_word_embeddings=True).to(torch.bfloat16).save_pretrained(
        FOLDER / "models/tied-bf16"
    )
    torch.manual_seed(2)  # noqa: TID251
    config = GPT2Config(vocab_size=20, n_embd=16, n_layer=2, n_head=2, n_positions=16)
    GPT2LMHeadModel(config).to(torch.bfloat16).save_pretrained(FOLDER / "models/gpt2-bf16")


def make_adapter(name: str) -> None:
    """Write an adapter whose every tensor is far from its start, as peft saves it."""
    base, settings = ADAPTERS[name]
    kind = GPT2LMHeadModel if base.startswith("gpt2") else Qwen2ForCausalLM
    model = kind.from_pretrained(FOLDER / "models" / base)
    torch.manual_seed(sum(map(ord, name)))  # noqa: TID251
    adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **settings))
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn_like(parameter)
    if name in BFLOAT16_ADAPTERS:
        adapted.to(torch.bfloat16)
    adapted.peft_config["default"].base_model_name_or_path = f"models/{base}"
    adapted.save_pretrained(FOLDER / "adapters" / name)
    (FOLDER / "adapters" / name / "README.md").unlink(missing_ok=True)


def recipes() -> dict[str, dict[str, Any]]:
    """Return every recipe by name."""
    found: dict[str, dict[str, Any]] = {}
    for name, (base, _) in ADAPTERS.items():
        model = f"models/{base}+adapters/{name}"
        found[f"copy_{name}"] = {"merge_method": "passthrough", "models": [{"model": model}]}
    found["copy_f32"] = {
        "merge_method": "passthrough",
        "models": [{"model": "models/qwen-f32+adapters/patterns"}],
    }
    experts = [
        "models/qwen-bf16+adapters/plain",
        "models/qwen-bf16+adapters/whole",
        "models/tuned-bf16",
    ]
    for method in ("task_arithmetic", "ties", "dare_ties", "linear"):
        for dtype in ("bfloat16", "float32"):
            numbers = {"weight": 0.4} if "ties" not in method else {"weight": 0.4, "density": 0.5}
            recipe: dict[str, Any] = {
                "merge_method": method,
                "base_model": "models/qwen-bf16",
                "models": [{"model": expert, "parameters": numbers} for expert in experts],
                "dtype": dtype,
                "out_dtype": "bfloat16",
            }
            if method == "linear":
                base = {"model": "models/qwen-bf16", "parameters": {"weight": 0.1}}
                recipe["models"] = [*recipe["models"], base]
            found[f"{method}_{dtype}"] = recipe
    return found


def merge(name: str, recipe: dict[str, Any]) -> None:
    """Run mergekit on a recipe and keep its weights."""
    from make_digests import stable_sorts
    from mergekit.config import MergeConfiguration
    from mergekit.merge import run_merge
    from mergekit.options import MergeOptions

    with tempfile.TemporaryDirectory() as scratch, stable_sorts():
        options = MergeOptions(
            random_seed=SEED,
            lora_merge_cache=f"{scratch}/lora",
            copy_tokenizer=False,
            write_model_card=False,
        )
        run_merge(MergeConfiguration.model_validate(recipe), f"{scratch}/out", options)
        shutil.copy(f"{scratch}/out/model.safetensors", FOLDER / f"merged/{name}.safetensors")


def main() -> None:
    """Write everything anew."""
    logging.disable(logging.WARNING)
    os.chdir(FOLDER)
    for folder in ("models", "adapters", "recipes", "merged"):
        shutil.rmtree(FOLDER / folder, ignore_errors=True)
        (FOLDER / folder).mkdir()
    make_models()
    for name in ADAPTERS:
        make_adapter(name)
    for name, recipe in recipes().items():
        (FOLDER / f"recipes/{name}.yml").write_text(yaml.safe_dump(recipe, sort_keys=False))
        merge(name, recipe)


if __name__ == "__main__":
    main()
