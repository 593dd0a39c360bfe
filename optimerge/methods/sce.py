"""SCE: select by variance, weigh by energy, erase what disagrees.

d_i = x_i - b. With select_topk < 1 only the positions of largest population variance over the
models are kept: floor(select_topk * number of non-zero variances). A model's weight is the mean
of its d_i^2 in this tensor, over the sum of all (equal weights if that is below 1e-6). Signs
are elected by sum d_i; with a_i = [sign(d_i) = s]:

    y = b + sum(d_i w_i a_i) / max(sum(w_i a_i), 1e-6)

In the dtype of the inputs.

Wan et al., "FuseChat", 2024, https://arxiv.org/abs/2408.07990
"""

from typing import TYPE_CHECKING

from optimerge.methods.formulas import TASK_VECTOR
from optimerge.methods.parameters import INT8_MASK, real
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup
from optimerge.methods.task_vectors import agreement, base_of

if TYPE_CHECKING:
    from torch import Tensor

SMALL = 1e-6


def merge(group: TensorGroup) -> "Tensor":
    """Select, weigh, elect, add."""
    import torch

    base = base_of(group)
    if not group.inputs:
        return base.clone()
    deltas = torch.stack([tensor - base for tensor in group.inputs])
    topk = real(group.shared, "select_topk")
    if topk < 1:
        deltas = deltas * _selected(group, deltas, topk)
    weights = _energies(deltas).view(-1, *[1] * base.dim()) * agreement(deltas)
    return base + (deltas * weights).sum(dim=0) / weights.sum(dim=0).clamp(min=SMALL)


def _selected(group: TensorGroup, deltas: "Tensor", topk: float) -> "Tensor":
    """Return where the models differ most."""
    variance = deltas.var(dim=0, unbiased=False)
    # The product is taken in float32, as in mergekit: it decides about the last position.
    keep = int(variance.count_nonzero() * topk)
    return group.select.largest(0, variance, keep)


def _energies(deltas: "Tensor") -> "Tensor":
    """Return each model's share of the squared change of this tensor."""
    energy = deltas.square().reshape(len(deltas), -1).mean(dim=1)
    total = energy.sum()
    small = total.abs() < SMALL
    return (energy / total.masked_fill(small, 1)).masked_fill(small, 1 / len(deltas))


METHOD = MergeMethod(
    name="sce",
    summary="entries where models differ most, weighted by energy, with sign election",
    paper="https://arxiv.org/abs/2408.07990",
    formula=(
        TASK_VECTOR,
        r"\tau_i \leftarrow 0 \text{ but where the variance over the models is among the}"
        r" \lfloor \kappa v \rfloor \text{ largest}",
        r"\kappa = \text{select-topk}, \quad v = \text{number of entries of variance above 0}",
        r"e_i = \frac{\operatorname{mean}(\tau_i^2)}{\sum_j \operatorname{mean}(\tau_j^2)}",
        r"a_i = 1 \text{ where } \operatorname{sign}(\tau_i) ="
        r" \operatorname{sign}\left(\sum_j \tau_j\right), \text{ else } 0",
        r"y = b + \frac{\sum_i a_i e_i \tau_i}{\sum_i a_i e_i}",
    ),
    use=(
        "many experts and no wish to tune: the weights come from how far each expert moved "
        "in each tensor, and one number is left. An expert that was trained longer counts "
        "for more."
    ),
    base="required",
    parameters=(
        Parameter(
            "select_topk",
            "share of the entries, by variance over the models, that are merged",
            1.0,
            low=0.0,
            high=1.0,
            usual=(0.05, 1.0),
        ),
        INT8_MASK,
    ),
    kernel=merge,
    least_inputs=0,
    locality="tensor",
    known_good=({"select_topk": 0.1},),
)
