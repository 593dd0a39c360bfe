"""Training, by hand: models of this size drown in a trainer's overhead. Imports torch.

One thread: a sum's order, and so a file's bytes, would follow the number of threads, and a second
one gains a quarter of the wall time at twice the processor time.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from optimerge.zoo.config import ZooConfig
from optimerge.zoo.items import Item
from optimerge.zoo.tokens import END, IDS, PAD, WORDS, encode

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises; it falls as a cosine after them."""
LAST_RATE = 0.05
"""Share of the learning rate that is left at the end."""
INIT, B2, WD = 0.02, 0.98, 0.01
NO_TARGET = -100
"""cross_entropy's mark for a position without a target."""


class Tokens(NamedTuple):
    """Items as numbers, both `(items, length)` int64; padded on the right.

    `targets` holds at each position the token that follows, or NO_TARGET outside of the answer.
    The model is causal, so the padding needs no mask.
    """

    inputs: torch.Tensor
    targets: torch.Tensor


def tokenize(items: Sequence[Item]) -> Tokens:
    """Return items as inputs and targets; an answer's end mark is part of its target."""
    rows = [(encode(item.prompt), [*encode(item.answer), IDS[END]]) for item in items]
    length = max(len(prompt) + len(answer) for prompt, answer in rows) - 1
    inputs = torch.full((len(rows), length), IDS[PAD])
    targets = torch.full((len(rows), length), NO_TARGET)
    for row, (prompt, answer) in enumerate(rows):
        line = torch.tensor(prompt + answer)
        inputs[row, : len(line) - 1] = line[:-1]
        targets[row, len(prompt) - 1 : len(line) - 1] = line[len(prompt) :]
    return Tokens(inputs, targets)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread inside, and on as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def new_model(config: ZooConfig) -> LlamaForCausalLM:
    """Return a model with weights drawn by the config's seed; the global generator is untouched."""
    with torch.random.fork_rng(devices=[]):
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(WORDS),
                hidden_size=config.hidden,
                intermediate_size=config.feed_forward,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                num_key_value_heads=config.heads,
                max_position_embeddings=config.context,
                bos_token_id=None,
                eos_token_id=IDS[END],
                pad_token_id=IDS[PAD],
                tie_word_embeddings=False,
                dtype=torch.float32,
            )
        )
    generator = torch.Generator().manual_seed(config.seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, INIT, generator=generator)
    return model


def train(
    model: LlamaForCausalLM, data: Tokens, *, steps: int, batch: int, rate: float, seed: int
) -> float:
    """Train the model in place on the answers' tokens; return the last step's loss in nats.

    `rate` is the highest learning rate of AdamW. Batches are drawn by `seed`.
    """
    generator = torch.Generator().manual_seed(seed)
    order = _order(len(data.inputs), steps * batch, generator)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=rate, betas=(0.9, B2), weight_decay=WD, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share(step, steps))
    model.train()
    loss = torch.tensor(math.nan)
    for rows in order.split(batch):
        targets = data.targets[rows]
        wanted = targets != NO_TARGET
        hidden = model.model(data.inputs[rows], use_cache=False).last_hidden_state
        loss = cross_entropy(model.lm_head(hidden[wanted]), targets[wanted])
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    model.eval()
    return loss.item()


def _order(items: int, wanted: int, generator: torch.Generator) -> torch.Tensor:
    rounds = [torch.randperm(items, generator=generator) for _ in range(-(-wanted // items))]
    return torch.cat(rounds)[:wanted]


def _share(step: int, steps: int) -> float:
    warm = max(1, round(steps * WARM_UP))
    if step < warm:
        return (step + 1) / warm
    progress = (step - warm) / max(1, steps - warm)
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * progress)) / 2
