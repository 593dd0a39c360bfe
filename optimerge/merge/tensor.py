"""Merges the tensors of one name: the one place where plan, method and selection meet.

The resident engine and the streaming build both call it, so what is scored is what is built.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Literal

from optimerge.merge.plan import InputTensor, MergePlan, TensorPlan
from optimerge.merge.rounded import Weight, dense
from optimerge.methods.protocol import Selection, TensorGroup
from optimerge.methods.registry import method_named

if TYPE_CHECKING:
    import torch

Mode = Literal["fast", "exact"]
PART = 1 << 17
"""Entries merged at a time on a CPU by methods that look at one entry only."""

Read = Callable[[InputTensor], Weight]
Align = Callable[[TensorPlan, "Sequence[torch.Tensor]"], "list[torch.Tensor]"]


@dataclass(frozen=True)
class Selections:
    """Makes the selection of each tensor of one merge: `seed` keys every random choice.

    fast: a hash of (seed, tensor, input, entry), the same on every device and in any order.
    exact: mergekit's own random stream, drawn on the CPU in the plan's order, and magnitude
    ties broken by lowest index; tensors must be taken in the plan's order.
    """

    mode: Mode
    seed: int

    def __call__(self, plan: MergePlan) -> Iterator[tuple[TensorPlan, Selection]]:
        """Yield each tensor's plan with its selection, in the plan's order."""
        if self.mode == "exact":
            import torch

            from optimerge.merge.selection.exact import ExactSelection

            generator = torch.Generator().manual_seed(self.seed)
            for tensor in plan.tensors:
                yield tensor, ExactSelection(generator)
            return
        from optimerge.merge.selection.hashed import HashedSelection

        for tensor in plan.tensors:
            inputs = [str(index) for index in range(len(tensor.inputs))]
            yield tensor, HashedSelection(self.seed, tensor.name, inputs)


def merge_tensor(
    tensor: TensorPlan,
    math: "torch.dtype | None",
    read: Read,
    select: Selection,
    align: "Align | None" = None,
) -> "torch.Tensor":
    """Return the merged tensor in the math dtype (None: the inputs' dtypes, promoted)."""
    return merged(tensor, math, inputs_of(tensor, math, read, align), select)


def inputs_of(
    tensor: TensorPlan, math: "torch.dtype | None", read: Read, align: "Align | None" = None
) -> list[Weight]:
    """Read the tensors of `tensor.sources`; `align` brings tables of tokens to one vocabulary.

    Aligned tables are in the math dtype, others in their own.
    """
    present = [read(item) for item in tensor.sources]
    if align is None:
        return present
    dtype = math or promoted(present)
    return [*align(tensor, [t.to(dtype) for t in present])]


def merged(
    tensor: TensorPlan,
    math: "torch.dtype | None",
    read: Sequence[Weight],
    select: Selection,
) -> "torch.Tensor":
    """Return the merge of the tensors of `tensor.sources` by the method's own kernel."""
    import torch

    method = method_named(tensor.method)
    dtype = math or promoted(read)
    present = [dense(t) for t in read]

    def merge(some: "Sequence[torch.Tensor]") -> "torch.Tensor":
        cast = [t.to(dtype) for t in some]
        group = TensorGroup(
            base=cast[0] if tensor.base else None,
            inputs=tuple(cast[1:] if tensor.base else cast),
            numbers=tuple(item.numbers for item in tensor.inputs),
            shared=tensor.shared,
            select=select,
            depth=tensor.depth,
        )
        return method.kernel(group)

    first = present[0]
    if method.locality != "entry" or first.device.type != "cpu" or first.numel() <= PART:
        return merge(present)
    # Entry by entry the parts give what the whole gives, and their temporaries stay in the cache.
    flat = [t.reshape(-1) for t in present]
    result = torch.empty(first.numel(), dtype=dtype)
    for start in range(0, first.numel(), PART):
        part = slice(start, start + PART)
        result[part] = merge([t[part] for t in flat])
    return result.view(first.shape)


def promoted(tensors: Sequence[Weight]) -> "torch.dtype":
    """Return the dtype that holds all of theirs."""
    import torch

    return reduce(torch.promote_types, [t.dtype for t in tensors])


def all_finite(tensor: "torch.Tensor") -> bool:
    """Whether no entry is NaN or infinite; torch's `isfinite` takes ten times as long."""
    if not tensor.numel() or not tensor.is_floating_point():
        return True
    low, high = tensor.aminmax()
    return bool(low.isfinite() & high.isfinite())


def rounds_adapters(mode: Mode, plan: MergePlan) -> bool:
    """Whether a base plus LoRA adapter is rounded to the base's dtype before it is merged.

    So mergekit does. In fast mode it is rounded only where no math dtype says how wide to compute.
    """
    return mode == "exact" or plan.dtype is None


def torch_dtype(name: str | None) -> "torch.dtype | None":
    """Return the torch dtype of that name; None for None."""
    import torch

    return None if name is None else getattr(torch, name)
