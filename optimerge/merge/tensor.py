"""Merges the tensors of one name by their method's own kernel: plan, method and selection meet.

The resident engine (`merge.placer`) and the streaming build both come here with what the fused
kernels do not take; `merge.fused` decides that for both, so what is scored is what is built.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Literal

from optimerge.checkpoint.architecture import has_token_rows
from optimerge.merge.int8_steps import Weight, dense
from optimerge.merge.plan import InputTensor, MergePlan, TensorPlan
from optimerge.methods.protocol import MergeMethod, Selection, Statistic, StatisticKind, TensorGroup
from optimerge.methods.registry import method_named

if TYPE_CHECKING:
    import torch

Mode = Literal["fast", "exact"]
PART = 1 << 17
"""Entries merged at a time on a CPU by methods that look at one entry only."""
PART_ON_DEVICE = 1 << 24

Read = Callable[[InputTensor], Weight]
Align = Callable[[TensorPlan, "Sequence[torch.Tensor]"], "list[torch.Tensor]"]
Measured = Callable[
    [TensorPlan, "torch.device"], Mapping[StatisticKind, tuple[Statistic | None, ...]]
]
"""Gives what the method needs to know of a plan's inputs: `merge.statistics.Statistics`."""


@dataclass(frozen=True)
class Selections:
    """Makes the selection of each tensor of one merge: `seed` keys every random choice.

    fast: a hash of (seed, tensor, input, entry), the same on every device and in any order.
    exact: mergekit's own random stream, drawn on the CPU in the plan's order, and magnitude
    ties broken by lowest index; tensors must be taken in the plan's order.
    """

    mode: Mode
    seed: int

    def __call__(
        self, plan: MergePlan, skip: int = 0, state: str = ""
    ) -> Iterator[tuple[TensorPlan, Selection]]:
        """Yield each tensor's plan with its selection, in the plan's order.

        The first `skip` are left out; `state` is what `stream_state` gave behind the last of them.
        """
        if self.mode == "exact":
            import torch

            from optimerge.merge.selection.exact import ExactSelection

            generator = torch.Generator().manual_seed(self.seed)
            if state:
                generator.set_state(torch.frombuffer(bytearray.fromhex(state), dtype=torch.uint8))
            for tensor in plan.tensors[skip:]:
                yield tensor, ExactSelection(generator)
            return
        from optimerge.merge.selection.hashed import HashedSelection

        for tensor in plan.tensors[skip:]:
            inputs = [str(index) for index in range(len(tensor.inputs))]
            yield tensor, HashedSelection(self.seed, tensor.name, inputs)


def stream_state(select: Selection) -> str:
    """Return where the random stream of a merge stands, "" if it has none."""
    from optimerge.merge.selection.exact import ExactSelection

    return select.state if isinstance(select, ExactSelection) else ""


def inputs_of(
    tensor: TensorPlan, math: "torch.dtype | None", read: Read, align: "Align | None" = None
) -> list[Weight]:
    """Read the tensors of `tensor.sources`; `align` brings tables of tokens to one vocabulary.

    Aligned tables are in the math dtype, others in their own.
    """
    present = [read(item) for item in tensor.sources]
    if align is None or not has_token_rows(tensor.name):
        return present
    dtype = math or promoted(present)
    return [*align(tensor, [t.to(dtype) for t in present])]


def merged(
    tensor: TensorPlan,
    math: "torch.dtype | None",
    read: Sequence[Weight],
    select: Selection,
    measured: "Measured | None" = None,
) -> "torch.Tensor":
    """Return the merge of the tensors of `tensor.sources` by the method's own kernel."""
    import torch

    method = method_named(tensor.method)
    dtype = math or promoted(read)
    present = [dense(t) for t in read]

    first = present[0]
    statistics = measured(tensor, first.device) if measured else {}

    def merge(some: "Sequence[torch.Tensor]") -> "torch.Tensor":
        cast = [t.to(dtype) for t in some]
        group = TensorGroup(
            base=cast[0] if tensor.base else None,
            inputs=tuple(cast[1:] if tensor.base else cast),
            numbers=tuple(item.numbers for item in tensor.inputs),
            shared=tensor.shared,
            select=select,
            depth=tensor.depth,
            statistics=statistics,
        )
        return method.kernel(group)

    size = part_of(method, first.device.type)
    if first.numel() <= size:
        return merge(present)
    # Entry by entry the parts give what the whole gives, and their temporaries stay in the cache.
    flat = [t.reshape(-1) for t in present]
    result = torch.empty(first.numel(), dtype=dtype, device=first.device)
    for start in range(0, first.numel(), size):
        part = slice(start, start + size)
        result[part] = merge([t[part] for t in flat])
    return result.view(first.shape)


def part_of(method: MergeMethod, device: str) -> int:
    """Return how many entries of a tensor a method's own kernel is given at a time."""
    if method.locality != "entry" or method.statistics:  # they are not cut
        return sys.maxsize
    return PART if device == "cpu" else PART_ON_DEVICE


def promoted(tensors: Sequence[Weight]) -> "torch.dtype":
    """Return the dtype that holds all of theirs."""
    import torch

    return reduce(torch.promote_types, [t.dtype for t in tensors])


def rounds_adapters(mode: Mode, plan: MergePlan) -> bool:
    """Whether a base plus LoRA adapter is rounded to the base's dtype before it is merged.

    So mergekit does. In fast mode it is rounded only where no math dtype says how wide to compute.
    """
    return mode == "exact" or plan.dtype is None


def torch_dtype(name: str | None) -> "torch.dtype | None":
    """Return the torch dtype of that name; None for None."""
    import torch

    return None if name is None else getattr(torch, name)
