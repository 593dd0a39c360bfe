"""The memory of a search, estimated without its models' headers.

Weights alone, and no more is known: beside the resident model base and experts in full (device),
or nothing of note (host and disk: they are streamed). Tables, buffers and scoring come on top;
`optimerge check` counts them once the headers are there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from optimerge.checkpoint.dtypes import BITS, FILE_NAMES
from optimerge.search.layers import candidate_layers
from optimerge.search.offline.sizes import Size
from optimerge.space.space import SearchSpace


@dataclass(frozen=True)
class Memory:
    """Bytes of weights."""

    resident: int
    """The model that candidates are written to."""
    stored: int
    """Base and experts; adapters share their base's."""

    @property
    def beside(self) -> int:
        """On the device, with base and experts beside the resident model."""
        return self.resident + self.stored


def estimated_memory(space: SearchSpace, sizes: Mapping[str, Size]) -> Memory | None:
    """Return the weights' bytes, or None if a model's size is not known."""
    known = [size for size in sizes.values() if size.bytes is not None]
    if len(known) < len(sizes):
        return None
    first, *others = known
    experts = [size.bytes or 0 for size in others if not size.adapter]
    if space.search.task_vectors == "int8":
        experts = [count * 8 // BITS[FILE_NAMES[first.dtype]] for count in experts]
    out = BITS[FILE_NAMES[space.any_recipe.out_dtype or first.dtype]] // 8
    resident = (first.parameters or 0) * out * _depth(space, first)
    return Memory(round(resident), (first.bytes or 0) + sum(experts))


def _depth(space: SearchSpace, first: Size) -> float:
    """Return how many times as deep as its first model the resident model is, at least 1."""
    if not space.places:
        return 1.0
    ends = max(place.end[1] for place in space.places)
    own = first.layers or (space.layer_map.layers if space.layer_map else ends)
    return max(1.0, candidate_layers(space)[1] / max(1, own))
