"""Reads a model's config.json, whose keys differ between architectures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optimerge.errors import CheckpointError

LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
INNER = ("text_config", "llm_config", "language_config")
"""Where a model that also sees or hears keeps the settings of its decoder."""

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
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{str(folder)!r} has no config.json; name the folder of a Hugging Face model"
        ) from None
    except OSError as error:
        raise CheckpointError(
            f"{str(file)!r} cannot be read: {error.strerror}; check its permissions"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{str(file)!r} is not valid JSON ({error}); copy or download it again"
        ) from error
    if not isinstance(config, dict):
        raise CheckpointError(
            f"{str(file)!r} is not a JSON object but a {type(config).__name__}; "
            "copy or download it again"
        )
    return config


def decoder_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of the decoder: the nested ones if there are any, else all."""
    for key in INNER:
        inner = config.get(key)
        if isinstance(inner, Mapping):
            return inner
    return config


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
