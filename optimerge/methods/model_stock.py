"""Model Stock: between base and average, by how well the task vectors agree.

With N models, d_i = x_i - b, and c the mean of cos(d_i, d_j) over all pairs (each in [-1, 1],
the product of norms taken to be at least 1e-6):

    t = N c / (1 + (N - 1) c),  0 where the denominator is nearer to 0 than 1e-6
    y = t mean(x_i) + (1 - t) b

over the whole tensor, or with `filter_wise` for each row (the last axis).

Jang, Yun, Han, "Model Stock", 2024, https://arxiv.org/abs/2403.19522
"""

from itertools import combinations
from typing import TYPE_CHECKING

from optimerge.methods.parameters import flag
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup
from optimerge.methods.task_vectors import base_of

if TYPE_CHECKING:
    from torch import Tensor

SMALL = 1e-6


def merge(group: TensorGroup) -> "Tensor":
    """Interpolate between the base and the average."""
    base = base_of(group)
    row_wise = flag(group.shared, "filter_wise")
    start, *models = (
        tensor if row_wise and tensor.dim() > 1 else tensor.reshape(-1)
        for tensor in (base, *group.inputs)
    )
    share = _share([model - start for model in models])
    average = models[0] + models[1]
    for model in models[2:]:
        average = average + model
    average = average / len(models)
    return (share * average + (1 - share) * start).reshape(base.shape)


def _share(deltas: list["Tensor"]) -> "Tensor":
    """Return t for each row, with an axis of length 1 in place of the rows' entries."""
    import torch

    cosines = torch.stack([_cosine(a, b) for a, b in combinations(deltas, 2)])
    cosine = cosines.mean(dim=0).unsqueeze(-1)
    count = len(deltas)
    below = 1 + (count - 1) * cosine
    singular = below.abs() < SMALL
    return (count * cosine / below.masked_fill(singular, 1)).masked_fill(singular, 0)


def _cosine(a: "Tensor", b: "Tensor") -> "Tensor":
    import torch

    norms: Tensor = torch.linalg.vector_norm(a, dim=-1) * torch.linalg.vector_norm(b, dim=-1)
    return ((a * b).sum(dim=-1) / norms.clamp(min=SMALL)).clamp(-1, 1)


METHOD = MergeMethod(
    name="model_stock",
    summary="between base and average, by the angles of the task vectors",
    paper="https://arxiv.org/abs/2403.19522",
    formula=(
        r"c = \operatorname{mean}_{i < j} \cos(\tau_i, \tau_j), \quad \tau_i = x_i - b",
        r"t = \frac{K c}{1 + (K - 1)\, c}",
        r"y = \frac{t}{K} \sum_i x_i + (1 - t)\, b",
    ),
    use=(
        "several fine-tunes for the same task: a soup that stays near the base where they "
        "disagree. Experts of different tasks have nearly orthogonal changes, so t is near "
        "0 and little of them is left."
    ),
    base="required",
    parameters=(Parameter("filter_wise", "one share t for each row", False, kind="boolean"),),
    kernel=merge,
    least_inputs=2,
    locality="tensor",
)
