"""EMR's unified task vector: the elected sign, with the largest magnitude that agrees with it.

With D_i = w_i (x_i - b) (`changes`; the paper has w_i = 1), for each entry:

    s = sign(sum_i D_i)
    y = b + lambda * s * max over the i with sign(D_i) = s of |D_i|

An entry whose changes sum to 0 stays the base's, as sign(0) = 0 in the paper (its code elects
minus there). EMR's masks and rescalers need to know the task when the model is used, so they
are no part of one merged model; lambda stands in for the rescaling.

Huang et al., "EMR-Merging", 2024, https://arxiv.org/abs/2405.17461
"""

from typing import TYPE_CHECKING

from optimerge.methods.changes import PAPERS, Changes, adding
from optimerge.methods.formulas import CHANGES
from optimerge.methods.protocol import MergeMethod, TensorGroup

if TYPE_CHECKING:
    from torch import Tensor


def unify(group: TensorGroup, changes: Changes) -> "Tensor":
    """Elect a sign for each entry and go as far as any model that agrees."""
    weighted = changes.weighted
    elected = weighted.sum(dim=0).sign()
    # What points against the elected sign, or is elected 0, is at most 0 here.
    return elected * (weighted * elected).amax(dim=0).clamp(min=0)


METHOD = MergeMethod(
    name="emr_unified",
    summary="elected sign with the largest magnitude that agrees",
    paper="https://arxiv.org/abs/2405.17461",
    formula=(
        CHANGES,
        r"s = \operatorname{sign}\left(\sum_i D_i\right), \quad \operatorname{sign}(0) = 0",
        r"y = b + \lambda\, s \max_{i:\ \operatorname{sign}(D_i) = s} \lvert D_i \rvert",
    ),
    use=(
        "experts that agree about directions but not about lengths. It goes as far as the "
        "boldest expert in every entry, so search a lambda below 1."
    ),
    base="required",
    parameters=PAPERS,
    kernel=adding(unify),
    mergekit=False,
)
