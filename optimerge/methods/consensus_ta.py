"""Consensus task arithmetic: only entries that matter to several models (by their TALL masks).

With D_i = w_i (x_i - b) (`changes`; the paper has w_i = 1) and T = sum_i D_i, for each entry:

    m_i = [ |D_i| > threshold_i * |T - D_i| ]      the TALL mask of model i
    y   = b + lambda * T where sum_i m_i >= consensus, else b

`threshold` is the paper's lambda_t (tried there: 0.2 to 0.6), `consensus` its k: 0 is task
arithmetic, 1 drops what matters to nobody ("catastrophic" entries), 2, the default, also what
matters to one model alone ("selfish" ones), more than there are models gives the base.

Wang et al., "Localizing Task Information for Improved Model Merging and Compression", 2024,
https://arxiv.org/abs/2405.07813
"""

from typing import TYPE_CHECKING

from optimerge.methods.changes import PAPERS, Changes, adding
from optimerge.methods.parameters import real
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup

if TYPE_CHECKING:
    from torch import Tensor


def agree(group: TensorGroup, changes: Changes) -> "Tensor":
    """Sum the changes where enough models need the entry."""
    weighted = changes.weighted
    whole = weighted.sum(dim=0)
    needed = whole.new_zeros(whole.shape)
    for index, change in zip(changes.indices, weighted, strict=True):
        threshold = real(group.numbers[index], "threshold")
        needed += change.abs() > threshold * (whole - change).abs()
    return whole * (needed >= real(group.shared, "consensus"))


METHOD = MergeMethod(
    name="consensus_ta",
    summary="task arithmetic on the entries that several models need",
    paper="https://arxiv.org/abs/2405.07813",
    formula=(
        r"D_i = w_i\, \tau_i, \quad \tau_i = x_i - b, \quad T = \sum_i D_i",
        r"m_i = 1 \text{ where } \lvert D_i \rvert > \text{threshold}_i\, \lvert T - D_i \rvert,"
        r" \text{ else } 0",
        r"y = b + \lambda\, T \text{ where } \sum_i m_i \ge \text{consensus, else } b",
    ),
    use=(
        "many experts (the paper has 8 and more), where what only one of them needs harms "
        "the others. With two experts the default consensus of 2 drops most of the changes."
    ),
    base="required",
    parameters=(
        *PAPERS,
        Parameter(
            "threshold",
            "a model needs an entry if its change exceeds this times the others' sum",
            default=0.4,
            per_input=True,
            low=0.0,
            usual=(0.2, 0.6),
        ),
        Parameter(
            "consensus",
            "how many models must need an entry for it to be changed",
            default=2,
            kind="integer",
            low=0,
        ),
    ),
    kernel=adding(agree),
    mergekit=False,
)
