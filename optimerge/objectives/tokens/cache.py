"""A common prefix run once: its keys and values, seen by every row after it."""

import copy
from typing import Any

from optimerge.objectives.tokens.masks import CannotMask


def run_prefix(model: Any, ids: Any, *, keep: bool) -> Any:
    """Run a prefix [1, P] and return its cache; CannotMask for one that rows cannot share.

    The cache is made without the model's configuration: then a layer with a window keeps all keys
    too, and one mask fits all. It belongs to the weights of this moment and must not be kept.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    cache = DynamicCache()
    inputs: dict[str, Any] = {"logits_to_keep": 1} if keep else {}
    model(ids, past_key_values=cache, use_cache=True, **inputs)
    for layer in cache.layers:
        if type(layer) is not DynamicLayer or layer.get_seq_length() != ids.shape[1]:
            raise CannotMask(f"its cache is a {type(layer).__name__}")
    if not cache.layers:
        raise CannotMask("it fills no cache")
    return cache


def expanded(cache: Any, rows: int) -> Any:
    """Return a cache for `rows` rows that all see the prefix, without a copy of it.

    Each layer's first `update` copies it into the keys and values of the batch.
    """
    copied = copy.copy(cache)
    copied.layers = [copy.copy(layer) for layer in cache.layers]
    for layer in copied.layers:
        layer.keys = layer.keys.expand(rows, -1, -1, -1)
        layer.values = layer.values.expand(rows, -1, -1, -1)
    return copied
