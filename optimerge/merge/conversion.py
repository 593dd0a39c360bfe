"""Follows transformers' own renaming and fusing of weights, from file names to live names.

transformers (5.x) loads a file's tensors through a list of transforms: `WeightRenaming` changes
names, `WeightConverter` also fuses or splits tensors (the experts of a layer into one 3-D
parameter). The order of steps here is that of `convert_and_load_state_dict_in_model`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from optimerge.merge.target import Part, Target

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

Shapes = Mapping[str, tuple[int, ...]]


@dataclass
class Group:
    """The checkpoint tensors that transformers makes one live tensor from (or several)."""

    live: str
    """Live name of the first, mostly only, tensor that is made."""
    converter: Any = None
    """transformers' WeightConverter; None: the tensor is loaded as it is."""
    names: dict[str, list[str]] = field(default_factory=dict)
    """Checkpoint names by the converter's source pattern, in the order of loading."""

    @property
    def steps(self) -> str:
        """The converter's operations, for a message: "MergeModulelist, Concatenate"."""
        return ", ".join(_kinds(self.converter.operations)) if self.converter else ""


def groups(model: "PreTrainedModel", names: Iterable[str]) -> list[Group]:
    """Return how transformers loads these checkpoint tensors into this model, in its order."""
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import (
        WeightConverter,
        WeightRenaming,
        dot_natural_key,
        rename_source_key,
    )

    transforms = get_model_conversion_mapping(model)
    renamings = [entry for entry in transforms if isinstance(entry, WeightRenaming)]
    converters = [entry for entry in transforms if isinstance(entry, WeightConverter)]
    by_pattern = {pattern: c for c in converters for pattern in c.source_patterns}
    live, prefix = model.state_dict(), model.base_model_prefix
    found: dict[str, Group] = {}
    for name in sorted(names, key=dot_natural_key):
        new, pattern = rename_source_key(name, renamings, converters, prefix, live)
        if new not in live and name in live:
            new, pattern = rename_source_key(name, [], [], prefix, live)
        group = found.setdefault(new, Group(new, by_pattern.get(pattern)))
        group.names.setdefault(pattern or name, []).append(name)
    return list(found.values())


def targets_of(group: Group, shapes: Shapes, live: "Mapping[str, Tensor]") -> dict[str, Target]:
    """Return where the model holds each tensor of a group; {} if that cannot be told.

    Only views of live memory are returned. That they are the right ones is for the caller to
    verify: transformers does not promise how its operations work.
    """
    if group.live not in live:
        return {}
    if group.converter is None:
        # Two tensors of one live name: the later would overwrite the earlier.
        plain = [name for names in group.names.values() for name in names]
        return {name: Target((Part(live[group.live]),), (group.live,)) for name in plain}
    kinds = _kinds(group.converter.operations)
    if kinds in (["Chunk"], ["Split"]):
        return _split(group, live)
    if kinds in (["MergeModulelist"], ["MergeModulelist", "Concatenate"], ["Concatenate"]):
        views = _fused(group, shapes, live[group.live])
    elif kinds == ["Transpose"]:
        views = _transposed(group, shapes, live[group.live])
    else:
        return {}
    return {name: Target((Part(view),), (group.live,)) for name, view in views}


def live_names(group: Group) -> list[str]:
    """Return the live names of all tensors that are made from a group."""
    if group.converter is None:
        return [group.live]
    patterns = group.converter.target_patterns
    return [group.live.replace(patterns[0], pattern) for pattern in patterns]


def _kinds(operations: Sequence[Any]) -> list[str]:
    return [type(operation).__name__ for operation in operations]


def _split(group: Group, live: "Mapping[str, Tensor]") -> dict[str, Target]:
    """One tensor in the file, several in the model, side by side along a dimension."""
    sources = [name for names in group.names.values() for name in names]
    made = live_names(group)
    (operation,) = group.converter.operations
    counted = getattr(operation, "num_shards_attribute", None) is not None
    if counted or len(sources) != 1 or not all(name in live for name in made):
        return {}
    parts, start = [], 0
    for name in made:
        parts.append(Part(live[name], operation.dim, start))
        start += live[name].shape[operation.dim]
    return {sources[0]: Target(tuple(parts), tuple(made))}


def _fused(group: Group, shapes: Shapes, whole: "Tensor") -> "Iterator[tuple[str, Tensor]]":
    """Several tensors in the file, one in the model: stacked, side by side, or both."""
    operations = {type(operation).__name__: operation for operation in group.converter.operations}
    stack, join = operations.get("MergeModulelist"), operations.get("Concatenate")
    start = 0
    for pattern in group.converter.source_patterns:
        names = group.names.get(pattern, [])
        for block in [names] if stack and names else [[name] for name in names]:
            view, shape = whole, list(shapes[block[0]])
            if stack:
                shape.insert(stack.dim, len(block))
            if join:
                if join.dim >= len(shape) or start + shape[join.dim] > whole.shape[join.dim]:
                    return
                view = whole.narrow(join.dim, start, shape[join.dim])
                start += shape[join.dim]
            if tuple(view.shape) != tuple(shape):
                return
            for index, name in enumerate(block):
                yield name, view.select(stack.dim, index) if stack else view


def _transposed(group: Group, shapes: Shapes, whole: "Tensor") -> "Iterator[tuple[str, Tensor]]":
    (operation,) = group.converter.operations
    for name in (name for names in group.names.values() for name in names):
        as_is = operation.check_dims and shapes[name] == tuple(whole.shape)
        yield name, whole if as_is else whole.transpose(operation.dim0, operation.dim1)
