"""Reads adapter_config.json of a PEFT LoRA adapter; whatever is not plain LoRA is refused.

Plain LoRA adds scale * B @ A to a weight, with scale = lora_alpha / r (rank-stabilised:
lora_alpha / sqrt(r)). Patterns give single modules another r or lora_alpha.

Hu et al., "LoRA", 2021, https://arxiv.org/abs/2106.09685; rank-stabilised: Kalajdzievski, 2023,
https://arxiv.org/abs/2312.03732. What the keys mean: PEFT 0.21.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optimerge.checkpoint.json_file import read_object
from optimerge.errors import CheckpointError

CONFIG = "adapter_config.json"
REMEDY = "merge the adapter into its base with peft (merge_and_unload, save_pretrained) first"

_VARIANTS = {
    "use_dora": "DoRA, which also rescales the weights",
    "use_qalora": "QA-LoRA, which is made for quantised weights",
    "lora_bias": "LoRA with biases of its own",
    "trainable_token_indices": "LoRA with single trained token embeddings",
    "layer_replication": "LoRA on a model with replicated layers",
    "target_parameters": "LoRA on bare parameters, not on modules",
    "megatron_config": "LoRA for Megatron's split layers",
    "alora_invocation_tokens": "activated LoRA, which acts on some tokens only",
}
_INITIAL = ("pissa", "olora", "corda", "loftq", "lora_ga", "mica")
"""Starts that change the base weights too, so that the factors alone do not give the model."""
_NO_MATTER = frozenset(
    {
        *("auto_mapping", "base_model_name_or_path", "corda_config", "ensure_weight_tying"),
        *("eva_config", "exclude_modules", "fan_in_fan_out", "inference_mode", "init_lora_weights"),
        *("layers_pattern", "layers_to_transform", "loftq_config", "lora_dropout"),
        *("lora_ga_config", "megatron_core", "merge_weights", "modules_to_save", "peft_type"),
        *("peft_version", "qalora_group_size", "revision", "runtime_config", "target_modules"),
        *("task_type", "bias", "r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern"),
    }
)


@dataclass(frozen=True)
class AdapterConfig:
    """What of adapter_config.json decides the weights."""

    file: Path
    rank: int
    alpha: float
    rank_stabilised: bool
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]
    targets: tuple[str, ...] | str | None
    """Endings of the names of the changed modules, a regular expression, or None: not said."""
    base: str
    """What it was trained on, "" if it does not say."""

    def rank_of(self, module: str) -> int:
        """Return the rank of a module's factors."""
        return int(_pattern(self.rank_pattern, module, self.rank))

    def scale_of(self, module: str) -> float:
        """Return the factor on B @ A of a module."""
        rank = self.rank_of(module)
        alpha = _pattern(self.alpha_pattern, module, self.alpha)
        return alpha / math.sqrt(rank) if self.rank_stabilised else alpha / rank

    def targets_module(self, module: str) -> bool:
        """Whether the config names the module; PEFT leaves out the factors of others."""
        if self.targets is None or self.targets == "all-linear":
            return True
        if isinstance(self.targets, str):
            return re.fullmatch(self.targets, module) is not None
        return any(module == t or module.endswith(f".{t}") for t in self.targets)


def read_adapter_config(folder: Path) -> AdapterConfig:
    """Read adapter_config.json; CheckpointError if it is broken, or describes no plain LoRA."""
    file = folder / CONFIG
    data = _read(file)
    kind = data.get("peft_type")
    if kind != "LORA":
        raise CheckpointError(
            f"{str(file)!r} has the peft_type {kind!r}: only LORA adapters are merged; {REMEDY}"
        )
    start = str(data.get("init_lora_weights")).lower()
    if start.startswith(_INITIAL):
        raise CheckpointError(
            f"{str(file)!r} has init_lora_weights {start!r}, which changes the base weights too; "
            "convert the adapter with save_pretrained(path_initial_model_for_weight_conversion), "
            f"or {REMEDY}"
        )
    for key, value in data.items():
        if key in _VARIANTS and value:
            raise CheckpointError(
                f"{str(file)!r} has {key}: this is {_VARIANTS[key]}, and not merged; {REMEDY}"
            )
        if key not in _NO_MATTER and key not in _VARIANTS and value:
            raise CheckpointError(
                f"{str(file)!r} has the setting {key} {str(value)[:40]!r}, which is not known here "
                f"and may change the weights; {REMEDY}"
            )
    return _checked(file, data)


def _checked(file: Path, data: Mapping[str, Any]) -> AdapterConfig:
    targets = data.get("target_modules")
    try:
        if isinstance(targets, str) and targets != "all-linear":
            re.compile(targets)
        config = AdapterConfig(
            file=file,
            rank=_rank(data.get("r", 8)),
            alpha=_number(data.get("lora_alpha", 8)),
            rank_stabilised=bool(data.get("use_rslora")),
            rank_pattern={k: _rank(v) for k, v in (data.get("rank_pattern") or {}).items()},
            alpha_pattern={k: _number(v) for k, v in (data.get("alpha_pattern") or {}).items()},
            targets=targets if isinstance(targets, str | None) else tuple(map(str, targets)),
            base=str(data.get("base_model_name_or_path") or ""),
        )
        for pattern in (*config.rank_pattern, *config.alpha_pattern):
            re.compile(pattern)
    except (ValueError, TypeError, AttributeError, re.error) as error:
        raise CheckpointError(
            f"{str(file)!r} does not make sense ({error}); copy or download the adapter again"
        ) from error
    return config


def _rank(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"the rank r is {value!r} and must be a whole number from 1")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"lora_alpha is {value!r} and must be a number")
    return value


def _pattern(patterns: Mapping[str, float], module: str, default: float) -> float:
    """Return the value of the first pattern that matches the end of the name, as PEFT does."""
    for pattern, value in patterns.items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return value
    return default


def _read(file: Path) -> dict[str, Any]:
    remedy = "name the folder of a LoRA adapter after the '+'"
    try:
        return read_object(file, remedy)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{str(file)!r} cannot be read: {error.strerror}; {remedy}"
        ) from error
