"""A zoo from nothing: items, a base, its experts, and their files. Imports torch."""

import platform
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch
import transformers
from transformers import LlamaForCausalLM

from optimerge.zoo.batches import Tokens, tokenize
from optimerge.zoo.config import ZooConfig
from optimerge.zoo.folder import BASE
from optimerge.zoo.items import Item, train_items
from optimerge.zoo.model import new_model, save, twin
from optimerge.zoo.task_files import EXPERT_STREAM, write_data, write_space, write_tasks
from optimerge.zoo.train import Plan, one_thread, train

BASE_STREAM = "base"
EXPERTS_AT_ONCE = 2
"""Threads that train experts: torch lets go of the interpreter's lock, so two run side by side."""

Say = Callable[[str], None]


def create(folder: Path, location: Path, config: ZooConfig, say: Say) -> dict[str, float]:
    """Fill an empty folder with a zoo, all but its record; return wall seconds by stage.

    `location` is where the folder will be when it is finished: the task files name it.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "items"):
        write_data(folder, config)
        write_tasks(folder, location, config)
        write_space(folder, config)
        mixed = tokenize(_mixture(config))
        own = {task: tokenize(_lessons(task, config)) for task in config.tasks}
    with _timed(seconds, "base"):
        base = _train_base(config, mixed, say)
    with _timed(seconds, "experts"):
        experts = _train_experts(base, own, config, say)
    with _timed(seconds, "files"):
        for name, model in {BASE: base, **experts}.items():
            save(model, folder / name, config)
    return seconds


def versions() -> dict[str, str]:
    """Return the versions that a zoo's bytes depend on."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "transformers": str(transformers.__version__),
    }


def _mixture(config: ZooConfig) -> list[Item]:
    share = config.naive_share
    return [
        item
        for task in config.tasks
        for item in train_items(task, config, naive_share=share, stream=BASE_STREAM)
    ]


def _lessons(task: str, config: ZooConfig) -> list[Item]:
    return train_items(task, config, naive_share=0.0, stream=EXPERT_STREAM)


def _train_base(config: ZooConfig, data: Tokens, say: Say) -> LlamaForCausalLM:
    def tick(step: int) -> None:
        if step % 100 == 0 and step < config.base_steps:
            say(f"zoo: base, {step} of {config.base_steps} steps")

    say(f"zoo: training the base on all tasks, {config.base_steps} steps")
    model = new_model(config)
    with one_thread():
        train(
            model, data, Plan(config.base_steps, config.batch, config.base_rate, config.seed), tick
        )
    return model


def _train_experts(
    base: LlamaForCausalLM, data: dict[str, Tokens], config: ZooConfig, say: Say
) -> dict[str, LlamaForCausalLM]:
    plan = Plan(config.expert_steps, config.batch, config.expert_rate, config.seed)

    def expert(task: str) -> LlamaForCausalLM:
        say(f"zoo: training the expert in {task}, {config.expert_steps} steps")
        model = twin(base)
        with one_thread():
            train(model, data[task], plan)
        return model

    with one_thread(), ThreadPoolExecutor(EXPERTS_AT_ONCE) as pool:
        return dict(zip(config.tasks, pool.map(expert, config.tasks), strict=True))


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
