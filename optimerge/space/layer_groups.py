"""What `layer_groups` of a range may be, and which layers each group has.

    layer_groups: 4                 4 equal groups
    layer_groups: each              one value a layer
    layer_groups: auto              4 groups of neighbours that the experts changed alike
    layer_groups: {auto: 6}         6 such groups
    layer_groups: [0, 6, 12, 24]    layers 0-5, 6-11 and 12-23: what `each` and `auto` become

`each` and `auto` need the models: `optimerge.space.resolve` puts edges in their place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import PlainValidator

from optimerge.checkpoint.config import MOST_LAYERS

AUTO_GROUPS = 4
"""Groups of a plain `auto`, or as many as there are layers: each group is one more dimension."""


@dataclass(frozen=True)
class Auto:
    """So many groups, cut where the task vectors' profile changes; None: the usual number."""

    groups: int | None = None

    @property
    def key(self) -> str:
        """What the groups are kept under in a run: "auto", or the number."""
        return "auto" if self.groups is None else str(self.groups)


Groups = int | Literal["each"] | Auto | tuple[int, ...]
"""A number of equal groups, one a layer, Auto, or edges: 0, ..., number of layers."""


def _parsed(value: Any) -> Groups | None:
    if value is None or isinstance(value, Auto):
        return value
    if value == "each":
        return "each"
    if value == "auto":
        return Auto()
    if isinstance(value, dict) and set(value) == {"auto"} and _counts(value["auto"]):
        return Auto(value["auto"])
    if isinstance(value, list | tuple):
        return _edges(value)
    if _counts(value):
        return int(value)
    raise ValueError(
        "give a number of groups from 1, each, auto, {auto: NUMBER} or a list of edges"
    )


def _counts(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 1 <= value <= MOST_LAYERS


def _edges(value: Sequence[Any]) -> tuple[int, ...]:
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in value)
    rising = whole and len(value) > 1 and value[0] == 0 and value[-1] <= MOST_LAYERS
    if not rising or any(a >= b for a, b in pairwise(value)):
        raise ValueError(
            "the edges of groups are whole numbers that rise from 0 to the number of layers, as "
            "in [0, 6, 12, 24]"
        )
    return tuple(value)


LayerGroups = Annotated[Groups, PlainValidator(_parsed)]


def is_open(groups: Groups | None) -> bool:
    """Whether the models must be asked which groups these are."""
    return groups == "each" or isinstance(groups, Auto)


def group_count(groups: Groups | None) -> int | None:
    """Return how many groups there are; None if there are none, or not known yet."""
    if isinstance(groups, tuple):
        return len(groups) - 1
    return groups if isinstance(groups, int) else None


def group_label(groups: Groups | None, group: int | None) -> str:
    """Return what dimensions call a group: "layers 1/4", "layers 0-5", "layer 3"; "" if none."""
    if isinstance(groups, tuple) and group is not None:
        return layers_label(groups[group], groups[group + 1])
    if isinstance(groups, int) and group is not None:
        return f"layers {group + 1}/{groups}"
    return "" if groups is None else "each layer" if groups == "each" else "auto"


def layers_label(start: int, end: int) -> str:
    """Return what layers from `start` to before `end` are called.

    >>> layers_label(0, 6), layers_label(6, 7)
    ('layers 0-5', 'layer 6')
    """
    return f"layer {start}" if end - start == 1 else f"layers {start}-{end - 1}"


def group_of_each(groups: Groups | None, layers: int) -> list[int]:
    """Return the group of each layer; edges have their own number of layers.

    >>> group_of_each(2, 4), group_of_each((0, 1, 4), 4)
    ([0, 0, 1, 1], [0, 1, 1, 1])
    """
    if isinstance(groups, tuple):
        return [g for g, (start, end) in enumerate(pairwise(groups)) for _ in range(start, end)]
    count = group_count(groups) or 1
    return [layer * count // layers for layer in range(layers)]
