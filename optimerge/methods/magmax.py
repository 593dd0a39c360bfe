"""MagMax: of each entry, the change of the model that changed it most.

With D_i = w_i (x_i - b) (`changes`; the paper has w_i = 1), for each entry:

    y = b + lambda * D_k,   k = argmax_i |D_i|

If two models moved an entry equally far in opposite directions, it moves up: the paper leaves
it open, and its code takes the model that is listed later.

Marczak et al., "MagMax", 2024, https://arxiv.org/abs/2407.06322
"""

from typing import TYPE_CHECKING

from optimerge.methods.changes import PAPERS, Changes, adding
from optimerge.methods.formulas import CHANGES
from optimerge.methods.protocol import MergeMethod, TensorGroup

if TYPE_CHECKING:
    from torch import Tensor


def farthest(group: TensorGroup, changes: Changes) -> "Tensor":
    """Take the change of largest magnitude, entry by entry."""
    weighted = changes.weighted
    up, down = weighted.amax(dim=0), weighted.amin(dim=0)
    return up.where(up >= -down, down)


METHOD = MergeMethod(
    name="magmax",
    summary="of each entry the change of largest magnitude",
    paper="https://arxiv.org/abs/2407.06322",
    formula=(
        CHANGES,
        r"y = b + \lambda\, D_k, \quad k = \operatorname{argmax}_i \lvert D_i \rvert"
        r" \text{, entry by entry}",
    ),
    use=(
        "experts that were fine-tuned one after another, or that change different entries. "
        "Weights decide who wins an entry, so they act in jumps; noise of large magnitude "
        "wins too."
    ),
    base="required",
    parameters=PAPERS,
    kernel=adding(farthest),
    mergekit=False,
)
