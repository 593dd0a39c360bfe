"""Contexts in which lm-eval runs, and which leave the process and the model as they were."""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PYTHON_SEED = 0
OTHER_SEED = 1234
"""The seeds that `lm_eval.simple_evaluate` sets when it is not told others (few-shot too)."""


@contextmanager
def lm_eval_seeds() -> Iterator[None]:
    """Seed the global generators as lm-eval does, and put them back as they were.

    Tasks may shuffle by the global generators while they load, and sampled generation draws from
    torch's: so seeded, both are the same each time, and nobody else's numbers change.
    """
    import numpy as np
    import torch

    gpu: Any = torch.cuda
    cuda = gpu.is_initialized()
    python_state, numpy_state = random.getstate(), np.random.get_state()
    devices = range(gpu.device_count()) if cuda else ()
    with torch.random.fork_rng(devices=devices):
        random.setstate(random.Random(PYTHON_SEED).getstate())
        np.random.set_state(np.random.RandomState(OTHER_SEED).get_state())
        torch.set_rng_state(torch.Generator().manual_seed(OTHER_SEED).get_state())
        if cuda:
            gpu.manual_seed_all(OTHER_SEED)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


@contextmanager
def evaluation_mode(model: "PreTrainedModel") -> Iterator[None]:
    """Switch dropout and gradients off, and put each module's mode back."""
    import torch

    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def no_bars() -> Iterator[None]:
    """Switch off the progress bars that lm-eval and datasets draw without asking."""
    import datasets
    from lm_eval.api import task

    # Task.build_all_requests has no switch for its bar, so the name that it calls is replaced.
    bar, shown = task.tqdm, not datasets.are_progress_bars_disabled()
    task.tqdm = _no_bar
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        task.tqdm = bar
        if shown:
            datasets.enable_progress_bars()


def _no_bar(iterable: Any, **_: Any) -> Any:
    return iterable


@contextmanager
def templates_compiled_once() -> Iterator[None]:
    """Keep jinja templates: lm-eval compiles a task's templates anew for each document."""
    from lm_eval.utils import env

    # An attribute of the instance hides the method, and is deleted again.
    env.from_string = cache(env.from_string)
    try:
        yield
    finally:
        del env.from_string


@contextmanager
def no_cut_warnings() -> Iterator[None]:
    """Keep lm-eval from warning of every over-long request again for every candidate."""
    logger = logging.getLogger("lm_eval.models.huggingface")
    logger.addFilter(_says_more)
    try:
        yield
    finally:
        logger.removeFilter(_says_more)


def _says_more(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(("Combined length of context", "Left truncation"))
