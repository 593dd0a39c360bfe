"""Karcher (Riemannian) mean of models on a sphere, all with equal weights a = 1/N.

u_i = x_i / |x_i| over the flattened tensor; m starts at the mean of the u_i, brought to length
1. A step, at most `max_iter` times and until |T| < tol:

    theta_i = acos <m, u_i>,  T = sum a theta_i / sin(theta_i) (u_i - <m, u_i> m)
    m <- cos|T| m + sin|T| T / |T|, brought to length 1

with inputs nearer than theta_i < tol left out of the sum. y = m * mean |x_i|. A base model, if
named, is one more input. A single model is returned as it is.

Karcher, 1977, https://doi.org/10.1002/cpa.3160300502; in merging: https://arxiv.org/abs/2603.04972
"""

from typing import TYPE_CHECKING

from optimerge.methods.parameters import real
from optimerge.methods.protocol import MergeMethod, Parameter, TensorGroup

if TYPE_CHECKING:
    from torch import Tensor


def merge(group: TensorGroup) -> "Tensor":
    """Walk to the mean on the sphere."""
    if len(group.inputs) == 1:
        return group.inputs[0].clone()
    tolerance = real(group.shared, "tol")
    lengths = [_length(tensor) for tensor in group.inputs]
    # A tensor shorter than the tolerance has no direction; its length still counts in the mean.
    units = [
        (tensor / length).to(tensor.dtype).reshape(-1)
        for tensor, length in zip(group.inputs, lengths, strict=True)
        if length.item() > tolerance
    ]
    first = group.inputs[0]
    if not units:
        return first.new_zeros(first.shape)
    mean = _start(units, tolerance)
    for _ in range(int(real(group.shared, "max_iter"))):
        step = _towards_mean(mean, units, tolerance)
        angle = _length(step)
        if angle.item() < tolerance:
            break
        mean = (angle.cos() * mean + angle.sin() * (step / angle)).to(first.dtype)
        mean = _unit(mean, tolerance)
    scale = lengths[0] * (1 / len(lengths))
    for length in lengths[1:]:
        scale = scale + length * (1 / len(lengths))
    return (scale * mean).reshape(first.shape)


def _length(tensor: "Tensor") -> "Tensor":
    """Return the norm, in float32 at least."""
    import torch

    work = torch.float64 if tensor.dtype == torch.float64 else torch.float32
    length: Tensor = torch.linalg.vector_norm(tensor.to(work))
    return length


def _unit(tensor: "Tensor", tolerance: float) -> "Tensor":
    """Return the tensor brought to length 1, or itself if it is too short for that."""
    length = _length(tensor)
    return (tensor / length).to(tensor.dtype) if length.item() > tolerance else tensor


def _start(units: list["Tensor"], tolerance: float) -> "Tensor":
    """Return the plain mean of the directions at length 1, or the first if they cancel."""
    mean = units[0] * (1 / len(units))
    for unit in units[1:]:
        mean = mean + unit * (1 / len(units))
    length = _length(mean)
    return units[0] if length.item() < tolerance else (mean / length).to(mean.dtype)


def _towards_mean(mean: "Tensor", units: list["Tensor"], tolerance: float) -> "Tensor":
    """Return the mean of the directions, as seen from `mean`, in its tangent space."""
    import torch

    step = torch.zeros_like(mean)
    for unit in units:
        cosine = torch.dot(mean, unit).clamp(-1, 1)
        angle = cosine.acos()
        if angle.item() >= tolerance:
            step += (1 / len(units)) * (angle / angle.sin()) * (unit - cosine * mean)
    return step


METHOD = MergeMethod(
    name="karcher",
    summary="Karcher mean of models on a sphere",
    paper="https://arxiv.org/abs/2603.04972",
    formula=(
        r"u_i = \frac{x_i}{\lVert x_i \rVert}, \quad \cos \theta_i = \langle m, u_i \rangle",
        r"T = \frac{1}{K} \sum_i \frac{\theta_i}{\sin \theta_i}\, (u_i - \cos \theta_i\, m)",
        r"m \leftarrow m\, \cos \lVert T \rVert + T\, \frac{\sin \lVert T \rVert}{\lVert T \rVert}"
        r" \text{ until } \lVert T \rVert < \text{tol, at most max-iter times}",
        r"y = m \cdot \frac{1}{K} \sum_i \lVert x_i \rVert",
    ),
    use=(
        "models of equal standing, without a base and without weights. There is no number "
        "worth searching in it: take it as a baseline."
    ),
    base="ignored",
    parameters=(
        Parameter("max_iter", "most steps towards the mean", 10, kind="integer", low=0),
        Parameter("tol", "angle below which the mean is found", 1e-5, low=1e-12),
    ),
    kernel=merge,
    locality="tensor",
)
