"""Accuracy by one plain teacher-forced pass: an independent check on lm-eval's and optimerge's."""

from collections.abc import Mapping

import torch
from transformers import LlamaForCausalLM

from optimerge.zoo.train import NO_TARGET, Tokens


@torch.inference_mode()
def accuracy(model: LlamaForCausalLM, data: Tokens, batch: int = 250) -> float:
    """Return the share of items whose whole answer, end mark included, is what greedy decoding
    would give.
    """
    right = 0
    for inputs, targets in zip(data.inputs.split(batch), data.targets.split(batch), strict=True):
        best = model(inputs, use_cache=False).logits.argmax(-1)
        right += int(((best == targets) | (targets == NO_TARGET)).all(-1).sum())
    return right / len(data.inputs)


def accuracies(model: LlamaForCausalLM, data: Mapping[str, Tokens]) -> dict[str, float]:
    """Return `accuracy` for each task."""
    return {task: accuracy(model, items) for task, items in data.items()}
