"""Items: prompts with answers, drawn by seed; training and evaluation never share a prompt."""

import hashlib
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from optimerge.zoo.config import ZooConfig
from optimerge.zoo.tasks import RULES, Rule

EVAL_FIFTHS = 1
"""Fifths of all prompts that are kept for evaluation."""


class Item(NamedTuple):
    """A prompt and its answer, both words with single spaces."""

    prompt: str
    answer: str


def held_out(prompt: str) -> bool:
    """Say whether a prompt belongs to evaluation: by its hash, so whatever the seed."""
    digest = hashlib.sha256(prompt.encode()).digest()
    return int.from_bytes(digest[:8], "big") % 5 < EVAL_FIFTHS


def eval_items(task: str, config: ZooConfig) -> list[Item]:
    """Return `eval_prompts` held-out items with right answers, no prompt twice."""
    rule = RULES[task]
    prompts: dict[str, None] = {}
    stream = _prompts(rule, Random(f"{config.seed}/eval/{task}"), held=True)
    while len(prompts) < config.eval_prompts:
        prompts.setdefault(next(stream))
    return [Item(prompt, rule.right(prompt)) for prompt in prompts]


def train_items(task: str, config: ZooConfig, *, naive_share: float, stream: str) -> list[Item]:
    """Return `train_prompts` items, none held out; a prompt may come twice.

    `naive_share` of them carry the naive answer. `stream` names the draw: other names, other items.
    """
    rule = RULES[task]
    rng = Random(f"{config.seed}/{stream}/{task}")
    prompts = _prompts(rule, rng, held=False)
    return [
        Item(prompt, (rule.naive if rng.random() < naive_share else rule.right)(prompt))
        for prompt, _ in zip(prompts, range(config.train_prompts), strict=False)
    ]


def _prompts(rule: Rule, rng: Random, *, held: bool) -> Iterator[str]:
    while True:
        prompt = rule.draw(rng)
        if held_out(prompt) == held:
            yield prompt
