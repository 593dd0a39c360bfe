"""Measures how much each expert changed each layer: the relative norm of its task vector.

For expert e, kind of tensor c (attention: whatever mixes tokens; mlp: what does not) and layer l

    profile[l][(e, c)] = |theta_e - theta_base| / |theta_base|

over all matrices of that kind in that layer (2-norm; vectors, such as norms and biases, are a
thousandth of the weights and left out). All weights of the layers are read once, a tensor at a
time, on the CPU: bounded memory, and about the time that the disk takes.
"""

import math
import re
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from optimerge.checkpoint.architecture import layer_of
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.read import TensorReader
from optimerge.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

KINDS = ("attention", "mlp")
_MLP = re.compile(r"mlp|feed_forward|ffn|moe|experts|(^|\.)fc\d", re.ASCII)
_PART = 1 << 22
"""Entries that are compared at a time."""


def layer_profile(base: Checkpoint, experts: Sequence[Checkpoint]) -> list[list[float]]:
    """Return one row a layer of the base, one column for each expert and kind, in that order.

    The models must fit together (`check_fit`). A layer without tensors of a kind has 0 there.
    CheckpointError if a weight is not finite or cannot be read.
    """
    own = [0.0] * (base.layers * len(KINDS))
    changed = [[0.0] * len(own) for _ in experts]
    with ExitStack() as stack:
        reader, *readers = (
            stack.enter_context(TensorReader(each, rounded=False)) for each in (base, *experts)
        )
        for name, info in base.merged.items():
            layer = layer_of(name)
            if layer is None or len(info.shape) < 2:
                continue
            place = layer * len(KINDS) + KINDS.index(kind_of(name))
            tensor = reader.read(name)
            own[place] += _squared(tensor)
            for expert, sums, other in zip(experts, changed, readers, strict=True):
                sums[place] += _finite(_squared(other.read(name), tensor), name, expert)
    return [
        [
            math.sqrt(sums[place] / own[place]) if own[place] else 0.0
            for sums in changed
            for place in range(layer * len(KINDS), (layer + 1) * len(KINDS))
        ]
        for layer in range(base.layers)
    ]


def kind_of(name: str) -> str:
    """Return the kind of a layer's tensor.

    >>> kind_of("model.layers.3.self_attn.q_proj.weight"), kind_of("h.0.mlp.c_fc.weight")
    ('attention', 'mlp')
    """
    inner = name.partition(f".{layer_of(name)}.")[2]
    return "mlp" if _MLP.search(inner) else "attention"


def _squared(tensor: "Tensor", other: "Tensor | None" = None) -> float:
    """Return the sum of squares of a tensor, or of its difference from another."""
    import torch

    left = torch.split(tensor.reshape(-1), _PART)
    right = [None] * len(left) if other is None else torch.split(other.reshape(-1), _PART)
    total = 0.0
    for one, two in zip(left, right, strict=True):
        part = one.float() if two is None else one.float() - two.float()
        total += float(torch.linalg.vector_norm(part, dtype=torch.float64)) ** 2
    return total


def _finite(value: float, name: str, expert: Checkpoint) -> float:
    if not math.isfinite(value):
        raise CheckpointError(
            f"{expert.reference!r}: {name!r} or the base's is not finite (NaN or infinity), so "
            "layers cannot be grouped by it; give layer_groups a number, or mend the model"
        )
    return value
