"""What a build will write, and the key under which a killed build is gone on with."""

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path

from optimerge.checkpoint.architecture import layer_of
from optimerge.checkpoint.digest import checkpoint_digest
from optimerge.checkpoint.dtypes import FILE_NAMES, TORCH_NAMES
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.layout import Slot
from optimerge.merge.plan import MergePlan, TensorPlan
from optimerge.merge.tensor import Selections
from optimerge.merge.vocabulary import Vocabulary

_MADE_BY = ("optimerge", "torch", "numpy")


def copied_names(donor: Checkpoint, plan: MergePlan) -> list[str]:
    """Return what is copied; of another number of layers nothing that belongs to a layer."""
    same = plan.layers == donor.layers
    return [name for name in donor.copied if same or layer_of(name) is None]


def slots_of(
    plan: MergePlan,
    checkpoints: Mapping[str, Checkpoint],
    vocabulary: Vocabulary | None,
    copied: Sequence[str],
) -> list[Slot]:
    """Return name, type and shape of every tensor: those merged, in the plan's order, then copies.

    Copies come from the first of `checkpoints`.
    """
    donor = next(iter(checkpoints.values()))
    infos = [donor.copied[name] for name in copied]
    return [
        *(_slot(tensor, plan, checkpoints, vocabulary) for tensor in plan.tensors),
        *(Slot(name, i.dtype, i.shape) for name, i in zip(copied, infos, strict=True)),
    ]


def _slot(
    tensor: TensorPlan,
    plan: MergePlan,
    checkpoints: Mapping[str, Checkpoint],
    vocabulary: Vocabulary | None,
) -> Slot:
    import torch

    infos = [checkpoints[item.model].tensors[item.tensor] for item in tensor.sources]
    dtype = plan.out_dtype or plan.dtype
    if dtype is None:
        types = [getattr(torch, TORCH_NAMES[info.dtype]) for info in infos]
        dtype = str(reduce(torch.promote_types, types)).removeprefix("torch.")
    shape = infos[0].shape
    if vocabulary is not None:
        shape = vocabulary.shape(tensor.name, shape)
    return Slot(tensor.name, FILE_NAMES[dtype], shape)


def build_key(
    plan: MergePlan,
    selections: Selections,
    checkpoints: Mapping[str, Checkpoint],
    vocabulary: Vocabulary | None,
    device: str,
    allow_nan: bool,
) -> str:
    """Return a digest of all that the bytes of a build depend on.

    The numbers of every tensor, mode and seed; the parents, by sampled digest and by size and
    time of their files; kind of device and versions, which may round otherwise.
    """
    parts = [repr(plan), selections.mode, selections.seed, device.partition(":")[0], allow_nan]
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
