"""Foresees which tensors a build writes: their names, types and shapes, from headers alone."""

from collections.abc import Mapping
from functools import reduce

from optimerge.checkpoint.architecture import layer_of
from optimerge.checkpoint.dtypes import FILE_NAMES, TORCH_NAMES
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.headers import TensorInfo
from optimerge.checkpoint.layout import Slot
from optimerge.merge.plan import MergePlan, TensorPlan
from optimerge.merge.vocabulary import Vocabulary


def copied_names(donor: Checkpoint, plan: MergePlan) -> list[str]:
    """Return what is copied; of another number of layers nothing that belongs to a layer."""
    same = plan.layers == donor.layers
    return [name for name in donor.copied if same or layer_of(name) is None]


def slots_of(
    plan: MergePlan,
    checkpoints: Mapping[str, Checkpoint],
    vocabulary: Vocabulary | None,
    copied: Mapping[str, TensorInfo],
) -> list[Slot]:
    """Return what is written, in order: merged tensors as the plan has them, then the copied."""
    merged = [_merged(tensor, plan, checkpoints, vocabulary) for tensor in plan.tensors]
    return merged + [Slot(name, info.dtype, info.shape) for name, info in copied.items()]


def _merged(
    tensor: TensorPlan,
    plan: MergePlan,
    checkpoints: Mapping[str, Checkpoint],
    vocabulary: Vocabulary | None,
) -> Slot:
    infos = [checkpoints[item.model].tensors[item.tensor] for item in tensor.sources]
    dtype = plan.out_dtype or plan.dtype or _promoted({info.dtype for info in infos})
    shape = infos[0].shape
    if vocabulary is not None:
        shape = vocabulary.shape(tensor.name, shape)
    return Slot(tensor.name, FILE_NAMES[dtype], shape)


def _promoted(types: set[str]) -> str:
    """Return torch's name of the type in which tensors of these types are merged."""
    import torch

    found = reduce(torch.promote_types, (getattr(torch, TORCH_NAMES[name]) for name in types))
    return str(found).removeprefix("torch.")
