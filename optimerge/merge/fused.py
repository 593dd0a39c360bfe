"""Merges a tensor by the fused kernels, where its method has a form and the math is float32."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimerge.merge.change import Change
from optimerge.merge.int8_steps import Steps, Weight, readable
from optimerge.merge.kernels.compile import compiled
from optimerge.merge.kernels.facts import Facts, Memory
from optimerge.merge.kernels.many import Job
from optimerge.merge.kernels.program import Kernels, Source
from optimerge.merge.plan import TensorPlan
from optimerge.merge.tensor import Measured, merged, promoted
from optimerge.methods.protocol import Form, Selection
from optimerge.methods.registry import method_named

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def fusible(
    tensor: TensorPlan,
    math: "torch.dtype | None",
    tensors: Sequence[Weight],
    out: "torch.dtype | None",
) -> bool:
    """Whether the fused kernels can merge these tensors in these dtypes (None: the tensors')."""
    import torch

    if method_named(tensor.method).form is None:
        return False
    math = math or promoted(tensors)
    dtypes = {out or math, *(t.dtype for t in tensors)}
    return math == torch.float32 and dtypes <= {torch.bfloat16, torch.float16, torch.float32}


@dataclass(frozen=True)
class Fused:
    """The fused kernels with the seed of a merge and what is remembered of task vectors."""

    kernels: Kernels
    seed: int
    memory: Memory | None = None
    """None: nothing is remembered from one tensor to the next."""

    def merge(
        self,
        tensor: TensorPlan,
        tensors: Sequence[Weight],
        out: "Tensor",
        against: "Tensor | None" = None,
        kind: Hashable = None,
    ) -> Change | None:
        """Write the merge of the tensors of `tensor.sources` to `out`.

        Returns how `out` differs from `against`, of the same shape, as `Kernels.merge` says; None
        without one. `out` is contiguous, of any float dtype. `kind` tells tensors of one name
        apart in the memory: they may be read in several ways.
        """
        job = self.job(tensor, self.sources(tensor, tensors), out, against, kind)
        found = self.kernels.merge(job.program, job.base, job.sources, job.out)
        return found if against is not None else None

    def sources(self, tensor: TensorPlan, tensors: Sequence[Weight]) -> list[Source]:
        """Return the tensors of `tensor.sources` as kernels read them: flat, some cast."""
        linear = tensor.base is None or _form(tensor).linear
        read = readable(tensors, None if linear else tensor.base)
        same = len({t.dtype for t in read if not isinstance(t, Steps)}) == 1
        return [
            t.source if isinstance(t, Steps) else Source((t if same else t.float()).reshape(-1))
            for t in read
        ]

    def job(
        self,
        tensor: TensorPlan,
        sources: Sequence[Source],
        out: "Tensor",
        against: "Tensor | None" = None,
        kind: Hashable = None,
    ) -> Job:
        """Return what `merge` is to do, all but the merge itself; `sources` by the method."""
        form = _form(tensor)
        numbers = [item.numbers for item in tensor.inputs]
        if tensor.base is None:
            program = compiled(form, numbers, tensor.shared, [])
            return Job(
                program, None if against is None else against.reshape(-1), sources, out.view(-1)
            )
        base, memory = sources[0].values, self.memory or Memory()
        facts = [
            self._facts(tensor, index, base, source, out.shape, memory, kind)
            for index, source in enumerate(sources[1:])
        ]
        program = compiled(form, numbers, tensor.shared, facts)
        read = [fact.source(term.keep) for fact, term in zip(facts, program.terms, strict=True)]
        return Job(program, base, read, out.view(-1))

    def _facts(
        self,
        tensor: TensorPlan,
        index: int,
        base: "Tensor",
        source: Source,
        shape: "tuple[int, ...]",
        memory: Memory,
        kind: Hashable,
    ) -> Facts:
        item, origin = tensor.inputs[index], tensor.base
        of = (kind, origin and (origin.model, origin.tensor), item.model, item.tensor)
        return Facts(
            self.kernels, base, source, tuple(shape), of, self.seed, tensor.name, index, memory
        )


def merge_apart(
    tensor: TensorPlan,
    math: "torch.dtype | None",
    out: "torch.dtype | None",
    present: Sequence[Weight],
    select: Selection,
    fused: Fused | None,
    measured: "Measured | None" = None,
    kind: Hashable = None,
) -> "Tensor":
    """Return the merge of the tensors of `tensor.sources` in memory of its own, in dtype `out`.

    None for a dtype as in a recipe: the math dtype, and the inputs', promoted. `fused`: None in
    exact mode; `kind`: as for `Fused.merge`. Builds write what is returned, and so does an engine
    where its fused kernels cannot write into the model.
    """
    import torch

    if fused is None or not fusible(tensor, math, present, out):
        result = merged(tensor, math, present, select, measured)
        return result.to(out or result.dtype)
    first = present[0]
    result = torch.empty(first.shape, dtype=out or torch.float32, device=first.device)
    fused.merge(tensor, present, result, kind=kind)
    return result


def _form(tensor: TensorPlan) -> Form:
    form = method_named(tensor.method).form
    if form is None:
        raise TypeError(f"{tensor.method} has no form for the fused kernels")
    return form
