"""Which models change an entry: shared by `ram` and `ramplus_tl`."""

from typing import TYPE_CHECKING

from optimerge.methods.parameters import real
from optimerge.methods.protocol import Parameter, TensorGroup
from optimerge.methods.task_vectors import base_of

if TYPE_CHECKING:
    from torch import Tensor

EPSILON = Parameter("epsilon", "an entry is active where it moved further", 1e-5, low=0.0)


def active_changes(group: TensorGroup) -> tuple["Tensor", "Tensor", "Tensor"]:
    """Return, for stacked models: active task vectors, where they are active, models an entry.

    Inactive entries are 0 in the first.
    """
    import torch

    base = base_of(group)
    deltas = torch.stack([tensor - base for tensor in group.inputs])
    active = deltas.abs() > real(group.shared, "epsilon")
    return deltas * active, active, active.sum(dim=0)
