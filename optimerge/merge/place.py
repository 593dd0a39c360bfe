"""Merges one tensor into its place in the resident model and counts what it changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from optimerge.checkpoint.read import TensorReader
from optimerge.errors import TrialError
from optimerge.merge.align import Aligner
from optimerge.merge.fused import Fused, fusible
from optimerge.merge.plan import InputTensor, TensorPlan
from optimerge.merge.rounded import Weight, dense
from optimerge.merge.stats import Change, change, counted
from optimerge.merge.tables import Tables
from optimerge.merge.target import Target
from optimerge.merge.tensor import Measured, inputs_of, merged, torch_dtype
from optimerge.merge.weights import Weights
from optimerge.methods.protocol import Selection


@dataclass(frozen=True)
class Dtypes:
    """How the tensors of a candidate are computed; torch's names."""

    math: str | None
    """None: the inputs' dtypes, promoted."""
    out: str | None
    """Of the merged tensor as a build writes it; None: the math dtype."""
    rounded: bool
    """Whether a base plus adapter is rounded to the base's dtype before it is merged."""
    in_steps: bool = False
    """Whether experts are taken as int8 steps from the base."""


@dataclass(frozen=True)
class Placer:
    """Writes merged tensors into the resident model."""

    targets: Mapping[str, Target]
    tables: Tables
    align: Aligner | None
    fused: Fused | None
    """None: methods merge by their own kernels alone."""
    measured: Measured | None = None
    """Statistics of the models, for methods that need them."""
    compared: bool = True
    """Whether changes from the base are counted; not where layers change places."""

    def __call__(
        self,
        held: Weights,
        tensor: TensorPlan,
        dtypes: Dtypes,
        select: Selection,
        files: Mapping[str, TensorReader] | None = None,
    ) -> Change | None:
        """Merge one tensor, whose sources are at hand, into the model; None if it is not used.

        `files`: read instead of what is in steps, for a recipe that takes the weights whole.
        TrialError if the result holds NaN or infinite weights: they are in the model then.
        """

        def read(item: InputTensor) -> Weight:
            return held.source(item.model, item.tensor, dtypes.rounded, files)

        math, out = torch_dtype(dtypes.math), torch_dtype(dtypes.out)
        present = inputs_of(tensor, math, read, self.align)
        target = self.targets.get(tensor.name)
        if target is None:  # merged all the same, for its draws from the random stream
            merged(tensor, math, present, select, self.measured)
            return None
        if self.fused and fusible(tensor, math, present, out):
            found = self._fuse(self.fused, held, tensor, present, dtypes, target)
        else:
            result = merged(tensor, math, present, select, self.measured)
            # What a build writes: the model may keep a tensor in more precision than that.
            target.write(result.to(out or result.dtype))
            found = self._change(held, tensor, target, dtypes)
        if not isfinite(found.l1):
            raise TrialError(f"the merge gives NaN or infinite weights in {tensor.name}")
        return found

    def _fuse(
        self,
        fused: Fused,
        held: Weights,
        tensor: TensorPlan,
        present: Sequence[Weight],
        dtypes: Dtypes,
        target: Target,
    ) -> Change:
        import torch

        out_dtype = torch_dtype(dtypes.out) or torch.float32
        out = target.whole(out_dtype)
        direct = out is not None
        if out is None:
            out = torch.empty(present[0].shape, dtype=out_dtype, device=present[0].device)
        # Task vectors are taken from the base tensor that was read: the kernels can count
        # changes on the way only if it is the one to compare with.
        base = None
        if self.compared and direct:
            base = self.tables.base(held, tensor.name, dtypes.math)
        if base is not None and tensor.base and dense(present[0]).data_ptr() != base.data_ptr():
            base = None
        kind = dtypes if self.align is None else (dtypes, *(s.model for s in tensor.sources))
        found = fused.merge(tensor, present, out, base, kind)
        if not direct:
            target.write(out)
        return found or self._change(held, tensor, target, dtypes)

    def _change(self, held: Weights, tensor: TensorPlan, target: Target, dtypes: Dtypes) -> Change:
        if not self.compared:
            return counted(target.read())
        return change(target.read(), self.tables.base(held, tensor.name, dtypes.math))
