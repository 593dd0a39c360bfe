"""Reads a model's config.json, whose keys differ between architectures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optimerge.checkpoint.json_file import read_object
from optimerge.errors import CheckpointError

LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
INNER = ("text_config", "llm_config", "language_config")
"""Where a model that also sees or hears keeps the settings of its decoder."""

MOST_LAYERS = 10_000
"""No model has more."""
_TEXTS = ("model_type",)
_TIED_BY_DEFAULT = frozenset(
    {
        *("bloom", "cohere", "cohere2", "falcon", "gemma", "gemma2", "gemma3", "gemma3_text"),
        *("gemma3n", "gemma3n_text", "gemma4", "gemma4_text", "gpt-sw3", "gpt2", "gpt_bigcode"),
        *("gpt_neo", "lfm2", "mpt", "openai-gpt", "opt", "paligemma", "smollm3", "starcoder2"),
    }
)
"""Model types whose head is tied where config.json does not say (as in transformers)."""


def read_config(folder: Path) -> dict[str, Any]:
    """Return config.json of a model folder; CheckpointError if it is missing or no JSON object."""
    file = folder / "config.json"
    try:
        config = read_object(file)
    except FileNotFoundError:
        if (folder / "adapter_config.json").is_file():
            raise only_adapter(folder) from None
        raise CheckpointError(
            f"{str(folder)!r} has no config.json; name the folder of a Hugging Face model"
        ) from None
    for place in (config, *(config.get(key) for key in INNER)):
        if isinstance(place, dict):
            _check_kinds(file, place)
    return config


def _check_kinds(file: Path, config: Mapping[str, Any]) -> None:
    """Refuse what this package reads of a config and cannot be meant."""
    layers = {key: config[key] for key in LAYERS if config.get(key) is not None}
    wrong = {
        **{k: v for k, v in layers.items() if isinstance(v, int) and not _is_count(v)},
        **{k: v for k in _TEXTS if not isinstance(v := config.get(k), str | None)},
    }
    kinds = config.get("layer_types")
    if isinstance(kinds, list) and not all(isinstance(kind, str) for kind in kinds):
        wrong["layer_types"] = kinds
    for key, value in wrong.items():
        raise CheckpointError(
            f"{str(file)!r} has the {key} {str(value)[:40]!r}, which no model has; "
            "copy or download it again"
        )


def _is_count(value: int) -> bool:
    return not isinstance(value, bool) and 0 <= value <= MOST_LAYERS


def only_adapter(folder: Path) -> CheckpointError:
    """Return the complaint about a LoRA adapter that is given for a model."""
    return CheckpointError(
        f"{str(folder)!r} is a LoRA adapter and no whole model; name it with its base: "
        f"BASE+{folder}"
    )


def decoder_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of the decoder: the nested ones if there are any, else all."""
    for key in INNER:
        inner = config.get(key)
        if isinstance(inner, Mapping):
            return inner
    return config


def copied_config(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a copy, and all in it where settings of the decoder may stand, itself first.

    These are copies too, to be changed.
    """
    copied = dict(config)
    places = [copied]
    for key in INNER:
        if isinstance(copied.get(key), Mapping):
            copied[key] = dict(copied[key])
            places.append(copied[key])
    return copied, places


def setting(config: Mapping[str, Any], *keys: str) -> Any:
    """Return the first of these keys that is set, in the decoder's settings or at the top."""
    for place in (decoder_config(config), config):
        for key in keys:
            if place.get(key) is not None:
                return place[key]
    return None


def ties_head(config: Mapping[str, Any]) -> bool:
    """Whether the config ties the output head to the token embedding, by word or by default."""
    said = setting(config, "tie_word_embeddings")
    return said if isinstance(said, bool) else config.get("model_type") in _TIED_BY_DEFAULT
