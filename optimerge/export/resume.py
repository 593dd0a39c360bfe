"""What a build will write, and the key under which a killed build is gone on with."""

import hashlib
import importlib.metadata
from collections.abc import Mapping
from functools import reduce
from pathlib import Path

from optimerge.checkpoint.digest import checkpoint_digest
from optimerge.checkpoint.dtypes import FILE_NAMES, TORCH_NAMES
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.layout import Slot
from optimerge.merge.plan import MergePlan, TensorPlan
from optimerge.merge.tensor import Selections

_MADE_BY = ("optimerge", "torch", "numpy")


def slots_of(plan: MergePlan, checkpoints: Mapping[str, Checkpoint]) -> list[Slot]:
    """Return name, type and shape of every tensor of a merge, in the plan's order."""
    return [_slot(tensor, plan, checkpoints) for tensor in plan.tensors]


def _slot(tensor: TensorPlan, plan: MergePlan, checkpoints: Mapping[str, Checkpoint]) -> Slot:
    import torch

    infos = [checkpoints[item.model].tensors[item.tensor] for item in tensor.sources]
    dtype = plan.out_dtype or plan.dtype
    if dtype is None:
        types = [getattr(torch, TORCH_NAMES[info.dtype]) for info in infos]
        dtype = str(reduce(torch.promote_types, types)).removeprefix("torch.")
    return Slot(tensor.name, FILE_NAMES[dtype], infos[0].shape)


def build_key(
    plan: MergePlan, selections: Selections, checkpoints: Mapping[str, Checkpoint], device: str
) -> str:
    """Return a digest of all that the bytes of a build depend on.

    The numbers of every tensor, mode and seed; the parents, by sampled digest and by size and
    time of their files; kind of device and versions, which may round otherwise.
    """
    parts = [repr(plan), selections.mode, selections.seed, device.partition(":")[0]]
    parts += [importlib.metadata.version(package) for package in _MADE_BY]
    for reference, checkpoint in checkpoints.items():
        parts += [reference, checkpoint_digest(checkpoint), *map(_stamp, _files(checkpoint))]
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def _files(checkpoint: Checkpoint) -> list[Path]:
    infos = [*checkpoint.tensors.values()]
    if checkpoint.adapter is not None:
        infos += [part for change in checkpoint.adapter.changes.values() for part in change.parts]
    return sorted({info.file for info in infos})


def _stamp(file: Path) -> tuple[str, int, int]:
    found = file.stat()
    return str(file), found.st_size, found.st_mtime_ns
