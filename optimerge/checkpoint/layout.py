"""Lays a checkpoint out before a tensor is there: which shard, which bytes, which headers.

With names, types and shapes known, a file's header is known too, so tensors can be written
straight to their place in it, in any order, and none is held.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimerge.checkpoint.dtypes import BITS, FILE_NAMES, TORCH_NAMES
from optimerge.checkpoint.weights import SINGLE

if TYPE_CHECKING:
    from torch import Tensor

SHARD_BYTES = 5_000_000_000
_ALIGNMENT = 8
_METADATA = {"format": "pt"}


@dataclass(frozen=True)
class Slot:
    """One tensor that is going to be written."""

    name: str
    dtype: str
    """As the file writes it: "BF16", "F32", …"""
    shape: tuple[int, ...]

    @classmethod
    def like(cls, name: str, tensor: "Tensor") -> "Slot":
        """Return the slot for a tensor."""
        dtype = FILE_NAMES[str(tensor.dtype).removeprefix("torch.")]
        return cls(name, dtype, tuple(tensor.shape))

    @property
    def torch_name(self) -> str:
        """Name of the type in torch."""
        return TORCH_NAMES[self.dtype]

    @property
    def bytes(self) -> int:
        """Bytes in the file."""
        return math.prod(self.shape) * BITS[self.dtype] // 8


@dataclass(frozen=True)
class Shard:
    """One safetensors file that is going to be written."""

    file: str
    header: bytes
    """The file's first bytes: length, JSON, padding."""
    offsets: dict[str, int]
    """Where each tensor starts, from the start of the file."""
    bytes: int
    """Size of the whole file."""


def shards_of(slots: Sequence[Slot], shard_bytes: int = SHARD_BYTES) -> list[Shard]:
    """Return the shards: tensors in the order given, as many as fit below `shard_bytes` each."""
    groups: list[list[Slot]] = [[]]
    held = 0
    for slot in slots:
        if groups[-1] and held + slot.bytes > shard_bytes:
            groups.append([])
            held = 0
        groups[-1].append(slot)
        held += slot.bytes
    count = len(groups)
    return [_shard(_file(n, count), group) for n, group in enumerate(groups, start=1)]


def _file(number: int, count: int) -> str:
    return SINGLE if count == 1 else f"model-{number:05d}-of-{count:05d}.safetensors"


def _shard(file: str, slots: Sequence[Slot]) -> Shard:
    # As the safetensors library orders them: wide types first, so that every tensor is aligned.
    ordered = sorted(slots, key=lambda s: (-BITS[s.dtype], s.dtype, s.name))
    header: dict[str, object] = {"__metadata__": _METADATA}
    places: dict[str, int] = {}
    position = 0
    for slot in ordered:
        end = position + slot.bytes
        entry = {"dtype": slot.dtype, "shape": slot.shape, "data_offsets": (position, end)}
        header[slot.name] = entry
        places[slot.name] = position
        position = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    start = 8 + len(text)
    offsets = {name: start + place for name, place in places.items()}
    return Shard(file, len(text).to_bytes(8, "little") + text, offsets, start + position)
