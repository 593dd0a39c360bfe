"""Tells the tensors that are merged from those that are copied from the base model.

Merged is the decoder: embeddings, layers 0 to L-1, final norm, output head. Copied are: tensors
that are no floats; constants that older files hold and models make themselves (rotary
frequencies, causal masks); layers after the last, and `mtp.` (multi-token prediction); and, in a
model that also sees or hears, everything but its language part.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from optimerge.checkpoint.architecture import is_head, is_other_tower, layer_of, layers_prefix
from optimerge.checkpoint.config import INNER
from optimerge.checkpoint.dtypes import FLOATS
from optimerge.checkpoint.headers import TensorInfo

_CONSTANT = re.compile(
    r"(^|\.)(inv_freq|original_inv_freq|masked_bias|causal_mask|position_ids|cos_cached|sin_cached)$"
)
_MASK = re.compile(r"(^|\.)(attn|attention|self_attn|self_attention)\.(bias|mask)$")
"""GPT-2, GPT-J and GPT-NeoX: a causal mask of 4 dimensions; a bias of that name has one."""
_SENSES = ("vision_config", "audio_config", "speech_config")


def merged_names(
    config: Mapping[str, Any], tensors: Mapping[str, TensorInfo], layers: int
) -> frozenset[str]:
    """Return the names of the tensors that a merge computes; the others are copied.

    `layers`: the number of decoder layers, L.
    """
    usual = frozenset(name for name, info in tensors.items() if _is_usual(name, info, layers))
    if not any(key in config for key in (*INNER, *_SENSES)):
        return usual
    prefixes = Counter(prefix for prefix in map(layers_prefix, usual) if prefix is not None)
    if not prefixes:
        return usual
    decoder = prefixes.most_common(1)[0][0]
    return frozenset(name for name in usual if name.startswith(decoder) or is_head(name))


def is_constant(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor is one that older files hold and today's models make themselves."""
    return bool(_CONSTANT.search(name)) or (len(shape) == 4 and bool(_MASK.search(name)))


def _is_usual(name: str, info: TensorInfo, layers: int) -> bool:
    if info.dtype not in FLOATS or is_constant(name, info.shape) or is_other_tower(name):
        return False
    layer = layer_of(name)
    return layer is None or layer < layers
