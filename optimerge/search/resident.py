"""Loads base and experts into an engine, as a search does: where they fit, on what threads."""

from collections.abc import Callable

from optimerge.checkpoint.folder import Checkpoint
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.tensor import Mode
from optimerge.recipe.schema import Dtype
from optimerge.search.models import Models
from optimerge.search.tiers_shared import Spread, choose_tiers
from optimerge.space.space import SearchSpace

TINY = 5_000_000
"""Parameters below which a second thread only costs."""


def load_resident(
    models: Models,
    space: SearchSpace,
    device: str,
    *,
    out_dtype: Dtype | None,
    mode: Mode,
    seed: int,
    say: Callable[[str], None] = lambda _: None,
) -> Engine:
    """Return the engine of opened models, kept where `space` says or where they fit.

    `say` is told where they are kept, in a few words, before they are loaded. OptimergeError if
    there is not the memory.
    """
    spare_threads(models.base)
    set_first(device)
    choice = choose_tiers(models, space, device)
    say(choice.short)
    return load_engine(
        models.checkpoints,
        device=device,
        out_dtype=out_dtype,
        mode=mode,
        seed=seed,
        vocabulary=models.vocabulary,
        statistics=models.statistics,
        layers=models.layers,
        memory=choice.tier,
        rounding=models.rounding,
        device_map=choice.device_map if isinstance(choice, Spread) else None,
    )


def set_first(device: str) -> None:
    """Let what names no CUDA device (page-locked memory) go to the first of this process's own.

    Else every worker of a machine takes memory of the first device there is.
    """
    import torch

    first = device.partition(",")[0]
    if first.startswith("cuda:"):
        torch.cuda.set_device(first)


def spare_threads(base: Checkpoint) -> None:
    """Use one CPU thread for a tiny model: two would spend their time waiting for each other."""
    import torch

    if base.parameters < TINY:
        torch.set_num_threads(1)
