"""Merges the tensors of a build one after the other, reading each when it is needed."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING

from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.read import TensorReader
from optimerge.errors import CheckpointError
from optimerge.merge.align import Aligner
from optimerge.merge.plan import InputTensor, MergePlan, TensorPlan
from optimerge.merge.tensor import Mode, all_finite, merge_tensor, rounds_adapters, torch_dtype
from optimerge.methods.protocol import Selection

if TYPE_CHECKING:
    import torch


@dataclass
class Merging:
    """Open models and how to merge their tensors; a context manager.

    NaN and infinite weights, in a model or in the merge, are a CheckpointError unless `allow_nan`.
    """

    plan: MergePlan
    checkpoints: Mapping[str, Checkpoint]
    mode: Mode
    device: str
    align: Aligner | None
    allow_nan: bool
    _readers: dict[str, TensorReader] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "Merging":
        rounded = rounds_adapters(self.mode, self.plan)
        for reference, checkpoint in self.checkpoints.items():
            reader = TensorReader(checkpoint, rounded=rounded)
            self._readers[reference] = self._open.enter_context(reader)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def merged(self, tensor: TensorPlan, select: Selection, dtype: str) -> "torch.Tensor":
        """Return a merged tensor in `dtype` (torch's name), the type of the output."""
        math = torch_dtype(self.plan.dtype)
        result = merge_tensor(tensor, math, self._read, select, self.align).to(torch_dtype(dtype))
        if not self.allow_nan and not all_finite(result):
            raise CheckpointError(
                f"the merge gives NaN or infinite weights in {tensor.name}; nothing is "
                "written (--allow-nan writes it all the same)"
            )
        return result

    def _read(self, item: InputTensor) -> "torch.Tensor":
        tensor = self._readers[item.model].read(item.tensor, self.device)
        if not self.allow_nan and not all_finite(tensor):
            raise CheckpointError(
                f"{item.model}: {item.tensor} holds NaN or infinite weights; use a sound "
                "checkpoint of this model, or --allow-nan to merge it all the same"
            )
        return tensor
