"""How a task vector is thinned out: by magnitude, by magnitude without outliers, or at random.

What is kept is the choice of the group's `Selection`; here stands how many entries, and what
becomes of the rest. A density of 1 or more returns the task vector itself, without rescaling.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from optimerge.errors import MethodError
from optimerge.methods.parameters import flag, real
from optimerge.methods.protocol import Number, TensorGroup

if TYPE_CHECKING:
    from torch import Tensor

Sparsify = Callable[[TensorGroup, int, "Tensor"], "Tensor"]
"""(group, index of the input, its task vector) -> the thinned task vector."""

SMALL_NORM = 1e-7
"""mergekit matches no L1 norm below this."""


def whole(group: TensorGroup, index: int, delta: "Tensor") -> "Tensor":
    """Keep everything."""
    return delta


def largest(group: TensorGroup, index: int, delta: "Tensor") -> "Tensor":
    """TIES: keep the largest magnitudes; any density above 0 keeps at least one entry."""
    density = real(group.numbers[index], "density")
    if density >= 1:
        return delta
    if density <= 0:
        return delta.new_zeros(delta.shape)
    keep = max(1, int(density * delta.numel()))
    return masked(group, delta, group.select.largest(index, delta, keep))


def without_outliers(group: TensorGroup, index: int, delta: "Tensor") -> "Tensor":
    """Breadcrumbs: drop the share gamma of largest magnitudes, then the smallest.

    If density + gamma is above 1, fewer outliers go, so that the density holds.
    """
    density = real(group.numbers[index], "density")
    if density >= 1:
        return delta
    count = delta.numel()
    keep = int(density * count)
    outliers = int(real(group.numbers[index], "gamma") * count)
    smallest = max(0, count - keep - outliers)
    return masked(group, delta, group.select.band(index, delta, smallest, keep))


def random(group: TensorGroup, index: int, delta: "Tensor") -> "Tensor":
    """DARE: keep each entry with the same probability."""
    density = real(group.numbers[index], "density")
    if density >= 1:
        return delta
    return in_work_dtype(group, delta, group.select.random(index, delta, density))


def by_rank(group: TensorGroup, index: int, delta: "Tensor") -> "Tensor":
    """DELLA: keep at random; in a row, the largest entry most likely (density + epsilon)."""
    refused = epsilon_too_wide(group.numbers[index], group.shared)
    if refused:
        raise MethodError(refused)
    density, epsilon = (real(group.numbers[index], name) for name in ("density", "epsilon"))
    if density >= 1:
        return delta
    if density <= 0:
        return delta.new_zeros(delta.shape)
    length = delta.shape[1] if delta.dim() > 1 else delta.numel()
    ranks = group.select.row_ranks(index, delta)
    if length > 1:
        # In the dtype of the ranks and as they are made: bfloat16 rounds those of long rows.
        last = ranks.new_full((), length - 1) + 1 - 1
        place = ((ranks - 1) / last).clamp(0, 1)
    else:
        # One entry a row has no rank to speak of: it is kept with probability `density`.
        place = ranks.new_full(ranks.shape, 0.5)
    keep = (density - epsilon) + place * 2 * epsilon
    return in_work_dtype(group, delta, group.select.random(index, delta, keep))


def epsilon_too_wide(numbers: Mapping[str, Number], shared: Mapping[str, Number]) -> str | None:
    """Refuse what makes a probability of `by_rank` leave the open interval from 0 to 1."""
    density, epsilon = real(numbers, "density"), real(numbers, "epsilon")
    if density <= 0 or density >= 1 or (density - epsilon > 0 and density + epsilon < 1):
        return None
    return (
        f"density {density:g} with epsilon {epsilon:g}: density - epsilon must be above 0 and "
        f"density + epsilon below 1 (or density 0 or 1); "
        f"an epsilon below {min(density, 1 - density):g} is possible"
    )


def in_work_dtype(group: TensorGroup, delta: "Tensor", mask: "Tensor") -> "Tensor":
    """Mask and rescale as mergekit does after random masks: float32, bfloat16 as it is."""
    import torch

    work = delta if delta.dtype == torch.bfloat16 else delta.float()
    return masked(group, work, mask).to(delta.dtype)


def masked(group: TensorGroup, delta: "Tensor", mask: "Tensor") -> "Tensor":
    """Drop what the mask does not keep; with `rescale`, restore the L1 norm of the tensor."""
    kept = delta * mask
    if not flag(group.shared, "rescale"):
        return kept
    before, after = delta.abs().sum(), kept.abs().sum()
    matched = (before >= SMALL_NORM) & (after >= SMALL_NORM)
    # Chosen on the device: asking for the numbers would make a GPU wait at every tensor.
    factor = (before / after.where(matched, after.new_ones(()))).where(matched, after.new_ones(()))
    return kept.mul_(factor)
