"""What a zoo is made from: one frozen record, and its digest."""

import hashlib
import json
from dataclasses import asdict, dataclass

ZOO_VERSION = 1
"""Raised when the same config would give other files: rules, vocabulary, training, layout."""


@dataclass(frozen=True)
class ZooConfig:
    """All that decides a zoo's files.

    Lengths are in tokens, steps in optimiser steps, prompts in items a task. `naive_share` of the
    disputed prompts (where the right and the naive rule differ) show the base the naive answer.
    """

    seed: int = 0
    tasks: tuple[str, ...] = ("add", "sort", "shift")
    hidden: int = 64
    layers: int = 4
    heads: int = 4
    feed_forward: int = 192
    context: int = 64
    naive_share: float = 0.6
    train_prompts: int = 6000
    eval_prompts: int = 1000
    batch: int = 128
    base_steps: int = 700
    base_rate: float = 3e-3
    expert_steps: int = 200
    expert_rate: float = 1e-3

    def digest(self) -> str:
        """Return 64 hex digits of this config and ZOO_VERSION."""
        text = json.dumps({"version": ZOO_VERSION, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


DEFAULT = ZooConfig()

TINY = ZooConfig(
    hidden=16,
    layers=2,
    heads=2,
    feed_forward=32,
    train_prompts=200,
    eval_prompts=100,
    batch=32,
    base_steps=20,
    expert_steps=5,
)
"""For tests: trained in about two seconds, of no use as a model."""
