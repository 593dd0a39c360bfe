"""Items as tensors, for training and for scoring. Imports torch."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from optimerge.zoo.items import Item
from optimerge.zoo.tokens import END, IDS, PAD, encode

NO_TARGET = -100
"""Marks a position without a target, for cross_entropy too."""


class Tokens(NamedTuple):
    """Items as numbers, both tensors `(items, length)` int64, padded on the right.

    `targets` holds at each position the token that follows, or NO_TARGET outside of the answer.
    The models are causal, so this padding needs no mask.
    """

    inputs: torch.Tensor
    targets: torch.Tensor


def tokenize(items: Sequence[Item]) -> Tokens:
    """Return items as inputs and targets; an answer's end mark is one of its targets."""
    rows = [(encode(item.prompt), [*encode(item.answer), IDS[END]]) for item in items]
    length = max(len(prompt) + len(answer) for prompt, answer in rows) - 1
    inputs, targets = [], []
    for prompt, answer in rows:
        rest = length + 1 - len(prompt) - len(answer)
        inputs.append([*prompt, *answer[:-1], *[IDS[PAD]] * rest])
        targets.append([*[NO_TARGET] * (len(prompt) - 1), *answer, *[NO_TARGET] * rest])
    return Tokens(torch.tensor(inputs), torch.tensor(targets))
