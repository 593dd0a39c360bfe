"""Runs rows of tokens through the live model, a few at a time, and keeps what is needed."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

MOST_TOKENS = 8192
"""Tokens of a forward pass, padding included."""
MOST_LOGITS = 1 << 27
"""Logits of a forward pass: 256 MB in bfloat16. One row may have more."""
POSITIONS = 128
"""Positions that are normalised in float32 at a time."""


def batches(lengths: Sequence[int], vocabulary: int) -> list[list[int]]:
    """Return row numbers in groups for one forward pass each, longest first.

    Fixed by the lengths: another grouping gives other last bits.

    >>> batches([3, 5000, 4, 4000], 100)
    [[1], [3, 2], [0]]
    """
    most = min(MOST_TOKENS, MOST_LOGITS // vocabulary)
    found: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        if found and lengths[found[-1][0]] * (len(found[-1]) + 1) <= most:
            found[-1].append(row)
        else:
            found.append([row])
    return found


def logits_of(model: "PreTrainedModel", rows: Sequence[Sequence[int]]) -> "Tensor":
    """Return the logits [rows, longest, vocabulary] of rows of tokens, in the model's dtype.

    Rows are padded on the right, where no token of a causal model sees the padding. Call it in
    `evaluation_mode`.
    """
    ids, mask = padded(rows, 0)
    call: Any = model
    ids, mask = ids.to(model.device), mask.to(model.device)
    found: Tensor = call(input_ids=ids, attention_mask=mask, use_cache=False).logits
    return found


def padded(
    rows: Sequence[Sequence[int]], pad: int, *, left: bool = False
) -> "tuple[Tensor, Tensor]":
    """Return token ids and attention mask, both int64 [rows, longest]."""
    import torch

    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        span = slice(longest - len(row), longest) if left else slice(0, len(row))
        ids[place, span] = torch.tensor(row, dtype=torch.int64)
        mask[place, span] = 1
    return ids, mask


def in_parts(logits: "Tensor") -> "Iterator[tuple[slice, Tensor]]":
    """Yield log-probabilities of logits [positions, vocabulary], in float32, some rows a time."""
    for start in range(0, len(logits), POSITIONS):
        part = slice(start, start + POSITIONS)
        yield part, logits[part].float().log_softmax(-1)
