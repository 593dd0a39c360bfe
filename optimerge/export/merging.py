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
from optimerge.merge.finite import all_finite
from optimerge.merge.fused import Fused, merge_apart
from optimerge.merge.int8_steps import Weight
from optimerge.merge.kernels.choose import kernels_for
from optimerge.merge.plan import InputTensor, MergePlan, TensorPlan
from optimerge.merge.rounding import BuildSteps, Rounding
from optimerge.merge.statistics import Statistics
from optimerge.merge.tensor import (
    Selections,
    inputs_of,
    rounds_adapters,
    torch_dtype,
)
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
    selections: Selections
    device: str
    align: Aligner | None
    statistics: Statistics | None
    rounding: Rounding | None
    allow_nan: bool
    _fused: Fused | None = field(init=False)
    _steps: BuildSteps | None = field(init=False, default=None)
    _readers: dict[str, TensorReader] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        fast = self.selections.mode == "fast"
        self._fused = Fused(kernels_for(self.device), self.selections.seed) if fast else None

    def __enter__(self) -> "Merging":
        rounded = rounds_adapters(self.selections.mode, self.plan)
        for reference, checkpoint in self.checkpoints.items():
            reader = TensorReader(checkpoint, rounded=rounded)
            self._readers[reference] = self._open.enter_context(reader)
        if self.rounding:
            self._steps = BuildSteps(self.rounding, self._readers, self.device)
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
        math, out = torch_dtype(self.plan.dtype), torch_dtype(dtype)
        present = inputs_of(tensor, math, self._read, self.align)
        result = merge_apart(tensor, math, out, present, select, self._fused, self.statistics)
        if not self.allow_nan and not all_finite(result):
            raise CheckpointError(
                f"the merge gives NaN or infinite weights in {tensor.name}; nothing is "
                "written (--allow-nan writes it all the same)"
            )
        return result

    def _read(self, item: InputTensor) -> Weight:
        tensor = self._readers[item.model].read(item.tensor, self.device)
        if not self.allow_nan and not all_finite(tensor):
            raise CheckpointError(
                f"{item.model}: {item.tensor} holds NaN or infinite weights; use a sound "
                "checkpoint of this model, or --allow-nan to merge it all the same"
            )
        return self._steps(item, tensor) if self._steps else tensor
