"""Training by hand, which a model this small needs: a trainer's overhead would be half the time.

Imports torch. One thread a model: the order of sums, and so the bytes of a file, follows the number
of threads, and a second one buys a quarter of the wall time for half as much processor time again.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM

from optimerge.zoo.batches import NO_TARGET, Tokens

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises; it falls as a cosine after them."""
LAST_RATE = 0.05
"""Share of the learning rate that is left at the end."""


class Plan(NamedTuple):
    """How to train: optimiser steps, items a step, the highest learning rate, the batches' seed."""

    steps: int
    batch: int
    rate: float
    seed: int


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread inside, and on as many as before afterwards.

    Holds for the calling thread: another one that trains needs its own.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    model: LlamaForCausalLM, data: Tokens, plan: Plan, tick: Callable[[int], None] | None = None
) -> None:
    """Train the model in place, by the mean loss over the answers' tokens.

    `tick` is called with the number of steps done, after each.
    """
    generator = torch.Generator().manual_seed(plan.seed)
    order = _order(len(data.inputs), plan.steps * plan.batch, generator)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    model.train()
    for step, rows in enumerate(torch.split(order, plan.batch)):
        optimizer.param_groups[0]["lr"] = plan.rate * _share(step, plan.steps)
        targets = data.targets[rows]
        wanted = targets != NO_TARGET
        hidden = model.model(data.inputs[rows], use_cache=False).last_hidden_state
        loss = cross_entropy(model.lm_head(hidden[wanted]), targets[wanted])
        loss.backward()  # type: ignore[no-untyped-call]  # untyped upstream
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if tick:
            tick(step + 1)
    model.eval()


def _order(items: int, wanted: int, generator: torch.Generator) -> torch.Tensor:
    """Return `wanted` row numbers: every item once, in random order, before any comes again."""
    rounds = [torch.randperm(items, generator=generator) for _ in range(-(-wanted // items))]
    return torch.cat(rounds)[:wanted]


def _share(step: int, steps: int) -> float:
    """Return the share of the highest learning rate at a step: a ramp, then a cosine."""
    warm = max(1, round(steps * WARM_UP))
    if step < warm:
        return (step + 1) / warm
    progress = (step - warm) / max(1, steps - warm)
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * progress)) / 2
