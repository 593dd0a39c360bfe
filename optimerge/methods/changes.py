"""What the methods beyond mergekit start from: the experts' changes, and the result's way back.

A change is d_i = x_i - b, and D_i = w_i d_i its weighted form. The papers of these methods have
no weights: there all are 1, the default. A model of weight 0 is left out altogether, so it
neither votes nor counts among the K models. Sums run in float32 (float64 for float64 inputs)
with one rounding to the inputs' dtype at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from optimerge.methods.parameters import LAMBDA, WEIGHT, real
from optimerge.methods.protocol import Kernel, TensorGroup
from optimerge.methods.task_vectors import base_of

if TYPE_CHECKING:
    from torch import Tensor

UNIT_WEIGHT = replace(WEIGHT, default=1.0, help="factor on this model's change; 0 leaves it out")
PAPERS = (UNIT_WEIGHT, LAMBDA)
"""Weight of each model and the factor on the merged change."""


@dataclass(frozen=True)
class Changes:
    """The changes of the K >= 1 models with a weight, stacked, in the dtype of the sums."""

    plain: "Tensor"
    """d_i, of shape (K, *shape of the tensor)."""
    weights: "Tensor"
    """w_i, of shape (K, 1, ..., 1)."""
    indices: tuple[int, ...]
    """Where each stands among the inputs of the group."""

    @property
    def weighted(self) -> "Tensor":
        """D_i, of the shape of `plain`."""
        return self.plain * self.weights

    def __len__(self) -> int:
        """Return K."""
        return len(self.indices)


Mix = Callable[[TensorGroup, Changes], "Tensor"]
"""Merges changes into one, of the shape of the tensor."""


def adding(mix: Mix) -> Kernel:
    """Return the kernel b + lambda * mix(changes); the base where no model has a weight."""

    def merge(group: TensorGroup) -> "Tensor":
        base = base_of(group)
        changes = changes_of(group)
        if changes is None:
            return base.clone()
        factor = real(group.shared, "lambda")
        return (base + factor * mix(group, changes)).to(base.dtype)

    merge.__doc__, merge.__module__ = mix.__doc__, mix.__module__
    return merge


def changes_of(group: TensorGroup) -> Changes | None:
    """Return the changes of the group's models, None if none has a weight."""
    import torch

    base = base_of(group)
    work = torch.float64 if base.dtype == torch.float64 else torch.float32
    weights = [real(numbers, "weight") for numbers in group.numbers]
    indices = tuple(index for index, weight in enumerate(weights) if weight != 0)
    if not indices:
        return None
    start = base.to(work)
    return Changes(
        plain=torch.stack([group.inputs[index].to(work) - start for index in indices]),
        weights=torch.tensor(
            [weights[index] for index in indices], dtype=work, device=base.device
        ).view(-1, *[1] * base.dim()),
        indices=indices,
    )
