"""TIES with slack: each expert's very largest entries are kept even where they lose the election.

Our own definition, after the idea of Tao et al. that TIES loses parameters that matter; it is
not their method. As in TIES, D_i = w_i * (the largest density_i of x_i - b), and s is elected
by sum_i D_i (0 counts as +). With t_i the mask of the largest slack_i of |x_i - b| (floor):

    k_i = [sign(D_i) = s] or t_i            (and D_i is not 0)
    y   = b + lambda * sum_i k_i D_i / sum_i k_i w_i        (normalize: false does not divide)

A divisor of 0 counts as 1. slack 0 is TIES, bit for bit; slack 1 is trimmed task arithmetic. A
slack above the density keeps no more than the density does.

Tao et al., "Unlocking the Potential of Model Merging for Low-Resource Languages", 2024,
https://arxiv.org/abs/2407.03994; Yadav et al., "TIES-Merging", 2023,
https://arxiv.org/abs/2306.01708
"""

from typing import TYPE_CHECKING

from optimerge.methods import parameters
from optimerge.methods.parameters import flag, real
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup
from optimerge.methods.sparsify import largest
from optimerge.methods.task_vectors import agreement, base_of

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Trim, elect signs, add what agrees and what is among an expert's largest."""
    import torch

    base = base_of(group)
    if not group.inputs:
        return base.clone()
    changes = [tensor - base for tensor in group.inputs]
    deltas = torch.stack([largest(group, i, change) for i, change in enumerate(changes)])
    weights = torch.tensor(
        [real(numbers, "weight") for numbers in group.numbers],
        dtype=base.dtype,
        device=base.device,
    ).view(-1, *[1] * base.dim())
    deltas *= weights
    slack = torch.stack([_slack(group, i, change) for i, change in enumerate(changes)])
    kept = agreement(deltas) | (slack & (deltas != 0))
    mix = (deltas * kept).sum(dim=0)
    if flag(group.shared, "normalize"):
        divisor = (weights * kept).sum(dim=0)
        mix = mix / divisor.masked_fill(divisor == 0, 1)
    factor = real(group.shared, "lambda")
    return base + (mix if factor == 1 else mix * factor)


def _slack(group: TensorGroup, index: int, change: "Tensor") -> "Tensor":
    keep = int(real(group.numbers[index], "slack") * change.numel())
    return group.select.largest(index, change, keep)


METHOD = MergeMethod(
    name="ties_slack",
    summary="TIES that keeps each model's largest entries even against the elected sign",
    paper="https://arxiv.org/abs/2407.03994",
    formula=(
        r"D_i = w_i\, m_i \odot \tau_i, \quad \tau_i = x_i - b",
        r"m_i = 1 \text{ at the } \max(1, \lfloor \rho_i n \rfloor) \text{ largest of }"
        r" \lvert \tau_i \rvert \text{, nowhere if } \rho_i = 0",
        r"t_i = 1 \text{ at the } \lfloor \text{slack}_i\, n \rfloor \text{ largest of }"
        r" \lvert \tau_i \rvert, \text{ else } 0",
        r"s = \operatorname{sign}\left(\sum_i D_i\right), \quad \text{0 counts as } +",
        r"k_i = 1 \text{ where } D_i \ne 0 \text{ and either } \operatorname{sign}(D_i) = s"
        r" \text{ or } t_i = 1 \text{, else } 0",
        r"y = b + \frac{\lambda}{N} \sum_i k_i D_i",
        r"N = \sum_i k_i w_i \text{ with normalize (1 where that is 0), else } 1",
    ),
    use=(
        "as `ties`, where one expert's few large changes must not be outvoted (a language, "
        "a format). slack 0 is TIES, so the search itself can say whether it pays."
    ),
    base="required",
    parameters=(
        *(
            p
            for p in parameters.task_arithmetic(normalize=True, rescale=False)
            if p is not parameters.INT8_MASK
        ),
        Parameter(
            "slack",
            "share of a model's largest entries that no election drops",
            default=0.05,
            per_input=True,
            low=0.0,
            high=1.0,
            usual=(0.0, 0.3),
        ),
    ),
    kernel=merge,
    least_inputs=0,
    locality="tensor",
    mergekit=False,
    known_good=({"density": 0.2}, {"density": 0.5}),
)
