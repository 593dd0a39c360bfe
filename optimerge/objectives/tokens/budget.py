"""How much goes into one forward: tokens a batch, halved for good when the memory is not there."""

from dataclasses import dataclass
from typing import Any

CPU_TOKENS = 2048
"""Larger batches fall out of the caches of a CPU, smaller ones leave its units waiting."""
LOGITS = 1 << 26
"""Logits at a time, in numbers: in float32 256 MiB, and as much again for their softmax."""
KEPT = 1 << 16
"""Tokens of keys and values, if the model's are small."""
KEPT_BYTES = 1 << 30
"""Bytes of keys and values on a CPU."""


@dataclass
class Budget:
    """Limits of one forward. Batches follow from it: record it to make the same ones again."""

    tokens: int = CPU_TOKENS
    """Rows times the length of the longest."""
    logits: int = LOGITS
    """Needed positions times the size of the vocabulary."""
    kept: int = KEPT
    """Tokens whose keys and values are held: of rows after a prefix, each with a copy of it."""

    def halve(self, tokens: int) -> None:
        """Allow half of the `tokens` that were too many."""
        self.tokens = max(1, min(self.tokens, tokens) // 2)
        self.logits = max(1, self.logits // 2)
        self.kept = max(1, self.kept // 2)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether a forward failed for want of memory, on whatever device."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text or "alloc_failed" in text
    )


def probe_budget(model: Any, longest: int) -> Budget:
    """Size batches to the model's device: on CUDA by one forward of about 1024 tokens.

    A model on several devices goes by the one that holds fewest tokens.

    `longest`: tokens of the longest request. Half of the free memory is used. The number is a
    power of two, so that a little more or less free memory gives the same batches.
    """
    import torch

    device = model.device
    if device.type != "cuda":
        return Budget(kept=min(KEPT, KEPT_BYTES // bytes_a_token(model)))
    gpu: Any = torch.cuda
    rows = max(1, 1024 // longest)
    ids = torch.zeros((rows, longest), dtype=torch.long, device=device)
    every = list(dict.fromkeys(parameter.device for parameter in model.parameters()))
    with torch.no_grad():
        for each in every:
            gpu.reset_peak_memory_stats(each)
        before = {each: gpu.memory_allocated(each) for each in every}
        model(ids, use_cache=False)
        used = {each: gpu.max_memory_allocated(each) - before[each] for each in every}
    gpu.empty_cache()
    free = {each: gpu.mem_get_info(each)[0] for each in every}
    # Keys and values of all layers, though each device holds those of its own only.
    kept = 1 << (min(free.values()) // 4 // bytes_a_token(model)).bit_length() - 1
    tokens = min(fit(free[each], used[each], ids.numel()) for each in every)
    return Budget(tokens, LOGITS * 4, min(KEPT * 16, kept))


def bytes_a_token(model: Any) -> int:
    """Return the bytes of one token's keys and values in all layers, at the most."""
    config = model.config.get_text_config()
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    shared = getattr(config, "num_key_value_heads", None) or heads
    return int(2 * config.num_hidden_layers * shared * width * model.dtype.itemsize)


def fit(free: int, used: int, tokens: int) -> int:
    """Return the power of two of tokens that fills at most half of `free` bytes: 1024 to 65536."""
    wanted = free // 2 * tokens // max(used, 1)
    return min(max(1 << max(wanted, 1).bit_length() - 1, 1024), 65536)
