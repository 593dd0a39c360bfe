"""Chooses entries as mergekit 0.1.5 does on a CPU, so that it rebuilds the same weights.

Random masks come from one stream for the whole merge: `Generator().manual_seed(seed)`, the
tensors in string order of their names, inside a tensor the inputs in order. Magnitude ties go
by lowest index: mergekit leaves them to an unstable sort, which follows no rule.
"""

from typing import TYPE_CHECKING

from optimerge.merge.selection.order import first_of_stable_sort
from optimerge.merge.selection.ranks import stable_ranks

if TYPE_CHECKING:
    from torch import Generator, Tensor, dtype


def work_dtype(delta: "Tensor") -> "dtype":
    """Return the dtype in which mergekit ranks and draws: bfloat16 as it is, else float32."""
    import torch

    return delta.dtype if delta.dtype == torch.bfloat16 else torch.float32


class ExactSelection:
    """The `Selection` of exact mode; one object for all tensors of a merge.

    Args:
        generator: The merge's own random stream, on the CPU, freshly seeded.
    """

    def __init__(self, generator: "Generator") -> None:
        self._generator = generator

    @property
    def state(self) -> str:
        """The state of the stream, to go on with later."""
        return bytes(self._generator.get_state().tolist()).hex()

    def largest(self, index: int, delta: "Tensor", keep: int) -> "Tensor":
        """Keep the first `keep` entries of a stable descending sort of magnitudes."""
        return first_of_stable_sort(delta.abs().float(), keep, descending=True)

    def band(self, index: int, delta: "Tensor", drop_smallest: int, keep: int) -> "Tensor":
        """Keep a stretch of a stable ascending sort of magnitudes."""
        magnitude = delta.abs().float()
        kept = first_of_stable_sort(magnitude, drop_smallest + keep, descending=False)
        return kept & ~first_of_stable_sort(magnitude, drop_smallest, descending=False)

    def row_ranks(self, index: int, delta: "Tensor") -> "Tensor":
        """Rank magnitudes along dim 1; in bfloat16 ranks above 256 lose precision."""
        return (stable_ranks(delta.abs()) - 1).to(work_dtype(delta)) + 1

    def random(self, index: int, delta: "Tensor", keep: "float | Tensor") -> "Tensor":
        """Draw from the stream; a bfloat16 task vector rounds the probability to bfloat16."""
        import torch

        if isinstance(keep, int | float):
            chance = torch.full(delta.shape, keep, dtype=work_dtype(delta))
        else:
            chance = keep.cpu()
        drawn = torch.bernoulli(chance, generator=self._generator)
        return drawn.bool().to(delta.device)

    def sample(self, size: int, count: int) -> "Tensor":
        """Draw `count` positions of `size` entries from the stream, with repetition."""
        import torch

        return torch.randint(size, (count,), generator=self._generator)
