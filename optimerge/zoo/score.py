"""Accuracy by one plain teacher-forced pass: a check that shares no code with what it checks."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from transformers import LlamaForCausalLM

from optimerge.zoo.batches import NO_TARGET, Tokens, tokenize
from optimerge.zoo.config import ZooConfig
from optimerge.zoo.items import eval_items


def eval_tokens(config: ZooConfig, items: int | None = None) -> dict[str, Tokens]:
    """Return each task's evaluation items, or the first `items` of them, as tokens."""
    config = replace(config, eval_prompts=items or config.eval_prompts)
    return {task: tokenize(eval_items(task, config)) for task in config.tasks}


@torch.inference_mode()
def accuracy(model: LlamaForCausalLM, data: Tokens, batch: int = 250) -> float:
    """Return the share of items that greedy decoding answers in full, end mark included."""
    right = 0
    parts = (torch.split(tensor, batch) for tensor in data)
    for inputs, targets in zip(*parts, strict=True):
        best = model(inputs, use_cache=False).logits.argmax(-1)
        right += int(((best == targets) | (targets == NO_TARGET)).all(-1).sum())
    return right / len(data.inputs)


def accuracies(model: LlamaForCausalLM, data: Mapping[str, Tokens]) -> dict[str, float]:
    """Return `accuracy` for each task."""
    return {task: accuracy(model, items) for task, items in data.items()}
