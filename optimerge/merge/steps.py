"""What streaming puts where: the tensors of one step side by side, and the memory for the steps."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.adapter import TensorChange
from optimerge.checkpoint.architecture import layer_of
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.headers import TensorInfo
from optimerge.merge.arena import ALIGNED, padded

if TYPE_CHECKING:
    from torch import Tensor

Key = tuple[str, str]
"""(reference of a model, name of a tensor)."""
FilePlace = tuple[Path, int]
"""Where a tensor's bytes lie: models that share a file share them."""


def place_of(info: TensorInfo) -> FilePlace:
    """Return where a tensor's bytes lie."""
    return info.file, info.start


def sources_of(checkpoint: Checkpoint) -> dict[str, TensorInfo]:
    """Return by name what is read for each merged tensor: its own bytes, or an adapter's."""
    changes = checkpoint.adapter.changes if checkpoint.adapter else {}
    found = {}
    for name, info in checkpoint.merged.items():
        found[name] = changes.get(info.name, TensorChange()).whole or info
    return found


def all_steps(checkpoints: Sequence[Checkpoint]) -> dict[str, tuple[Key, ...]]:
    """Return by name the tensors of that name of all models."""
    names = dict.fromkeys(name for c in checkpoints for name in c.merged)
    return {
        name: tuple((c.reference, name) for c in checkpoints if name in c.merged) for name in names
    }


def step_bytes(infos: Iterable[TensorInfo]) -> int:
    """Return the bytes that the tensors of one step take up; the same bytes count once."""
    sizes = {place_of(info): info.bytes for info in infos}
    return max(ALIGNED, sum(map(padded, sizes.values())))


def ring_bytes(steps: Mapping[str, int]) -> int:
    """Return the memory to stream through: one layer of all models, or one step that is larger.

    `steps`: bytes of each tensor's step, by its name. Two steps are enough in a small layer.
    """
    layers: dict[int, int] = {}
    for name, size in steps.items():
        layer = layer_of(name)
        if layer is not None:
            layers[layer] = layers.get(layer, 0) + size
    largest = max(steps.values(), default=ALIGNED)
    return max(largest, min(2 * largest, max(layers.values(), default=0)))


def laid_out(piece: "Tensor", infos: Mapping[Key, TensorInfo]) -> "dict[Key, Tensor]":
    """Cut a piece of memory (uint8) into the tensors of one step; contents are undefined."""
    from optimerge.checkpoint.read import dtype_of

    made: dict[FilePlace, Tensor] = {}
    start = 0
    for info in infos.values():
        if place_of(info) not in made:
            part = piece[start : start + info.bytes]
            made[place_of(info)] = part.view(dtype_of(info)).view(info.shape)
            start += padded(info.bytes)
    return {key: made[place_of(info)] for key, info in infos.items()}
