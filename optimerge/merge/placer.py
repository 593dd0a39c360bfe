"""Merges one tensor into its place in the resident model and counts what it changed."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from optimerge.checkpoint.read import TensorReader
from optimerge.errors import TrialError
from optimerge.merge.align import Aligner
from optimerge.merge.change import Change, change, counted
from optimerge.merge.fused import Fused, fusible, merge_apart
from optimerge.merge.homes import Homes
from optimerge.merge.int8_steps import Weight, dense, moved
from optimerge.merge.plan import InputTensor, TensorPlan
from optimerge.merge.tables import Tables
from optimerge.merge.target import Target
from optimerge.merge.tensor import Measured, inputs_of, merged, torch_dtype
from optimerge.merge.weights import Weights
from optimerge.methods.protocol import Selection

if TYPE_CHECKING:
    from torch import Tensor


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


class Direct(NamedTuple):
    """A fused merge straight into the model: what `Fused.merge` takes beside the tensors."""

    out: "Tensor"
    """The live memory."""
    against: "Tensor | None"
    """What the kernels compare with on the way; None: they cannot."""
    kind: Hashable


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
    device: str = ""
    """Where its targets are."""
    homes: Homes | None = None
    """Where the tensors are that it reads; None: on that device."""

    def with_seed(self, seed: int) -> "Placer":
        """Return one that draws random masks from another seed, and remembers none of them."""
        fused = self.fused
        if fused is not None:
            memory = fused.memory and replace(fused.memory, shares={}, steps=False)
            fused = replace(fused, seed=seed, memory=memory)
        return replace(self, fused=fused)

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
        present = self.read(held, tensor, dtypes, files)
        return finite_change(tensor, self.merge(held, tensor, dtypes, select, present))

    def read(
        self,
        held: Weights,
        tensor: TensorPlan,
        dtypes: Dtypes,
        files: Mapping[str, TensorReader] | None,
    ) -> list[Weight]:
        """Return the tensors of `tensor.sources` as they are merged."""

        def read(item: InputTensor) -> Weight:
            found = held.source(item.model, item.tensor, dtypes.rounded, files)
            at_home = self.homes is None or self.homes[item.tensor] == self.device
            return found if at_home else moved(found, self.device)

        return inputs_of(tensor, torch_dtype(dtypes.math), read, self.align)

    def merge(
        self,
        held: Weights,
        tensor: TensorPlan,
        dtypes: Dtypes,
        select: Selection,
        present: Sequence[Weight],
    ) -> Change | None:
        """Merge what was read into the model, whatever comes out; None if it is not used.

        In the dtype that a build writes, also where the model keeps a tensor in a wider one.
        """
        math, out = torch_dtype(dtypes.math), torch_dtype(dtypes.out)
        target = self.targets.get(tensor.name)
        if target is None:  # merged all the same, for its draws from the random stream
            merged(tensor, math, present, select, self.measured)
            return None
        if self.fused is not None and (direct := self.direct(held, tensor, dtypes, present)):
            found = self.fused.merge(tensor, present, *direct)
            return found or self.change(held, tensor, dtypes)
        kind = self._kind(tensor, dtypes)
        result = merge_apart(tensor, math, out, present, select, self.fused, self.measured, kind)
        target.write(result)
        del result  # before the comparison, which takes memory too
        return self.change(held, tensor, dtypes)

    def direct(
        self, held: Weights, tensor: TensorPlan, dtypes: Dtypes, present: Sequence[Weight]
    ) -> Direct | None:
        """Return where the fused kernels can write straight into the model, None if they cannot."""
        import torch

        math, out_dtype = torch_dtype(dtypes.math), torch_dtype(dtypes.out)
        target = self.targets.get(tensor.name)
        if target is None or not self.fused or not fusible(tensor, math, present, out_dtype):
            return None
        out = target.whole(out_dtype or torch.float32)
        if out is None:
            return None
        # Task vectors are taken from the base tensor that was read: the kernels can count
        # changes on the way only if it is the one to compare with.
        base = self.tables.base(held, tensor.name, dtypes.math) if self.compared else None
        if base is not None and tensor.base and dense(present[0]).data_ptr() != base.data_ptr():
            base = None
        return Direct(out, base, self._kind(tensor, dtypes))

    def change(self, held: Weights, tensor: TensorPlan, dtypes: Dtypes) -> Change:
        """Return how what the model holds differs from the base, by reading both."""
        live = self.targets[tensor.name].read()
        if not self.compared:
            return counted(live)
        return change(live, self.tables.base(held, tensor.name, dtypes.math))

    def _kind(self, tensor: TensorPlan, dtypes: Dtypes) -> Hashable:
        """Return what tells tensors of one name apart: they may be read in several ways."""
        return dtypes if self.align is None else (dtypes, *(s.model for s in tensor.sources))


def finite_change(tensor: TensorPlan, found: Change | None) -> Change | None:
    """Return a tensor's change; TrialError if the merge gave NaN or infinite weights."""
    if found is not None and not isfinite(found.l1):
        raise TrialError(f"the merge gives NaN or infinite weights in {tensor.name}")
    return found
