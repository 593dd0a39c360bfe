"""Weighted mean of any number of models on a sphere.

X_i = x_i - b (x_i without a base), u_i = X_i / (|X_i| + eps), all over the flattened tensor, with
weights w_i divided by their sum if `normalize_weights`:

    m = sum w_i u_i, brought to length 1
    T = sum w_i (u_i - <u_i, m> m),  tn = |T| + eps
    y = b + (m cos tn + T sin(tn) / tn) * sum w_i |X_i|

If the w_i u_i cancel, two models are averaged plainly and more are an error. If all X_i are 0
(nobody trained this tensor) y = b, where mergekit stops. A single model is returned as it is,
as in mergekit, whatever its weight.

Goddard, "Multi-SLERP", 2025, https://goddard.blog/posts/multislerp-wow-what-a-cool-idea
"""

from typing import TYPE_CHECKING

from optimerge.errors import MethodError
from optimerge.methods.parameters import WEIGHT, flag, real
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup
from optimerge.methods.refusals import zero_sum

if TYPE_CHECKING:
    from torch import Tensor

REFUSE = zero_sum("normalize_weights", least_inputs=2)


def merge(group: TensorGroup) -> "Tensor":
    """Average on the sphere."""
    import torch

    if len(group.inputs) == 1:
        return group.inputs[0].clone()
    first = group.inputs[0]
    rows = _rows(group)
    weights = _weights(group, rows).view(-1, 1)
    eps = real(group.shared, "eps")
    norms = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    units = rows / (norms + eps)
    mean = (units * weights).sum(dim=0)
    length = torch.linalg.vector_norm(mean)
    if not norms.any():
        mixed = rows[0]
    elif length.item() < eps:
        mixed = _cancelled(rows, weights)
    else:
        mixed = _on_sphere(units, weights, mean / length, eps) * (norms * weights).sum()
    mixed = mixed.reshape(first.shape)
    return mixed if group.base is None else mixed + group.base


def _rows(group: TensorGroup) -> "Tensor":
    import torch

    stacked = torch.stack(group.inputs)
    if group.base is not None:
        stacked -= group.base
    return stacked.reshape(len(group.inputs), -1)


def _weights(group: TensorGroup, like: "Tensor") -> "Tensor":
    import torch

    given = torch.tensor([real(numbers, "weight") for numbers in group.numbers], dtype=like.dtype)
    if flag(group.shared, "normalize_weights"):
        if problem := REFUSE(group.numbers, group.shared):
            raise MethodError(f"multislerp: {problem}")
        given = given / given.sum()
    return given.to(like.device)


def _on_sphere(units: "Tensor", weights: "Tensor", mean: "Tensor", eps: float) -> "Tensor":
    import torch

    along = (units * mean).sum(dim=-1, keepdim=True)
    tangent = ((units - along * mean) * weights).sum(dim=0)
    length: Tensor = torch.linalg.vector_norm(tangent) + eps
    return mean * length.cos() + tangent * (length.sin() / length)


def _cancelled(rows: "Tensor", weights: "Tensor") -> "Tensor":
    if len(rows) > 2:
        raise MethodError(
            "multislerp: the weighted directions of the models cancel out, so there is no mean "
            "on the sphere; change the weights"
        )
    return rows[0] * weights[0] + rows[1] * weights[1]


METHOD = MergeMethod(
    name="multislerp",
    summary="weighted mean of models or task vectors on a sphere",
    paper="https://goddard.blog/posts/multislerp-wow-what-a-cool-idea",
    formula=(
        r"X_i = x_i - b, \quad u_i = \frac{X_i}{\lVert X_i \rVert},"
        r" \quad b = 0 \text{ without a base}",
        r"m = \frac{\sum_i w_i u_i}{\lVert \sum_i w_i u_i \rVert},"
        r" \quad T = \sum_i w_i\, (u_i - \langle u_i, m \rangle\, m)",
        r"y = b + \left( m\, \cos \lVert T \rVert + T\, \frac{\sin \lVert T"
        r" \rVert}{\lVert T \rVert} \right)"
        r" \sum_i w_i \lVert X_i \rVert",
        r"\sum_i w_i = 1 \text{ unless normalize-weights is false}",
    ),
    use=(
        "`nuslerp` for more than two models: a weighted average that does not shorten what "
        "it averages."
    ),
    base="optional",
    parameters=(
        WEIGHT,
        Parameter("normalize_weights", "divide the weights by their sum", True, kind="boolean"),
        Parameter("eps", "added to norms before dividing by them", 1e-8, low=1e-12),
    ),
    kernel=merge,
    refuse=REFUSE,
    locality="tensor",
)
