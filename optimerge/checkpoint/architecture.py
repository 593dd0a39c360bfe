"""Reads what a tensor is from its name: which decoder layer, or an embedding.

Names are those of Hugging Face checkpoints. The layers of a vision or audio tower, of its
projector and of a multi-token-prediction head are no decoder layers.
"""

import re
from functools import lru_cache

_NAMES = 1 << 16
"""Names that are remembered: a plan asks for each tensor's layer in every candidate."""
_LAYER = re.compile(r"(?:^|(?<=\.))(layers|layer|h|blocks|block)\.(\d+)(?=\.|$)", re.ASCII)
_OTHER_TOWER = re.compile(
    r"(^|\.)(vision\w*|visual\w*|vit|image_\w+|audio\w*|speech\w*|mtp\w*|embed_(vision|audio)"
    r"|multi_modal_projector|mm_projector|connector|aligner|resampler|perceiver)(\.|$)",
    re.ASCII,
)
_EMBEDDINGS = frozenset(
    {
        *("embed_tokens", "embed_tokens_per_layer", "embed_positions", "embed_in"),
        *("wte", "wpe", "tok_embeddings", "word_embeddings", "position_embeddings"),
        *("token_type_embeddings", "embeddings", "embedding"),
    }
)
_HEADS = frozenset({"lm_head", "embed_out", "output_layer", "output"})


@lru_cache(_NAMES)
def layer_of(name: str) -> int | None:
    """Return the decoder layer that a tensor belongs to, from 0, or None.

    >>> layer_of("model.layers.10.mlp.experts.3.up_proj.weight")
    10
    """
    found = _LAYER.search(name)
    if found is None or _OTHER_TOWER.search(name, 0, found.start()):
        return None
    return int(found.group(2))


def layers_prefix(name: str) -> str | None:
    """Return what stands before the layer in a name, or None if it has no layer.

    >>> layers_prefix("model.language_model.layers.10.mlp.up_proj.weight")
    'model.language_model.'
    """
    found = _LAYER.search(name)
    return None if found is None or layer_of(name) is None else name[: found.start()]


def is_other_tower(name: str) -> bool:
    """Whether a tensor is no part of the decoder: a tower that sees or hears, its projector, mtp.

    A part for images inside a decoder layer is a part of that layer.
    """
    return layer_of(name) is None and bool(_OTHER_TOWER.search(name))


@lru_cache(_NAMES)
def with_layer(name: str, n: int) -> str:
    """Return the name of the same tensor in layer `n`; a name without a layer is kept.

    >>> with_layer("model.layers.10.input_layernorm.weight", 3)
    'model.layers.3.input_layernorm.weight'
    """
    found = _LAYER.search(name)
    if found is None or layer_of(name) is None:
        return name
    return f"{name[: found.start(2)]}{n}{name[found.end(2) :]}"


def is_embedding(name: str) -> bool:
    """Whether a tensor is a table of token or position embeddings (an output head is not)."""
    return _owner(name) in _EMBEDDINGS and not _OTHER_TOWER.search(name)


def is_head(name: str) -> bool:
    """Whether a tensor is the weight of the output head: hidden size to vocabulary."""
    # `output` is InternLM's head at the top, but a part of an attention block below a layer.
    return _owner(name) in _HEADS and _LAYER.search(name) is None and name.endswith(".weight")


def is_token_embedding(name: str) -> bool:
    """Whether a tensor is the table with one row a token."""
    positions = {"wpe", "embed_positions", "position_embeddings", "token_type_embeddings"}
    return is_embedding(name) and _owner(name) not in positions and name.endswith(".weight")


def has_token_rows(name: str) -> bool:
    """Whether a tensor has one row a token: the token embedding, the head, the head's bias."""
    if _owner(name) == "embed_tokens_per_layer":
        return False  # Gemma 3n: a vocabulary of its own size
    bias = f"{name.removesuffix('bias')}weight" if name.endswith(".bias") else name
    return is_token_embedding(name) or is_head(bias)


def _owner(name: str) -> str:
    """Return the last part of the name that is a module."""
    parts = name.split(".")
    return parts[-2] if len(parts) > 1 and parts[-1] in {"weight", "bias"} else parts[-1]
