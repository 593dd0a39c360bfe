"""Merges the tensors of a candidate in one call of the back end, where weights are all at hand.

So a CUDA device is given a candidate at once and waited for once. Only merges go so that make
nothing of a tensor's size: what is read into memory of its own (a base with its adapter's part, an
aligned table of tokens, a cast) and what no fused kernel writes straight into the model is merged
as it comes, tensor by tensor. The bytes are the same either way.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

from optimerge.checkpoint.read import TensorReader
from optimerge.merge.change import Change
from optimerge.merge.fused import Fused
from optimerge.merge.int8_steps import Weight
from optimerge.merge.kernels.later import LaterNorms
from optimerge.merge.kernels.many import Job, ManyKernels
from optimerge.merge.kernels.program import Kernels, Source
from optimerge.merge.placer import Direct, Dtypes, Placer, finite_change
from optimerge.merge.plan import TensorPlan
from optimerge.merge.store import Store
from optimerge.merge.target import Target
from optimerge.merge.weights import Weights
from optimerge.methods.protocol import Selection
from optimerge.methods.registry import method_named


def together(placer: Placer, weights: Store) -> "Together | None":
    """Return what merges candidates so; None where weights are streamed or the back end cannot."""
    if placer.fused is None or not isinstance(weights, Weights):
        return None
    many = placer.fused.kernels
    return Together(placer, placer.fused, many, weights) if isinstance(many, ManyKernels) else None


@dataclass(frozen=True)
class Ready:
    """What the merge of one tensor reads and writes."""

    of: Hashable
    """What it is for, beside the tensor's name: see `Together._of`."""
    target: Target
    sources: Sequence[Source]
    direct: Direct


@dataclass(frozen=True)
class Together:
    """Merges candidates into the resident model; `placer` says how a tensor is merged alone."""

    placer: Placer
    fused: Fused
    """Of `placer`."""
    many: ManyKernels
    """Its back end."""
    held: Weights
    _last: dict[str, Ready] = field(default_factory=dict)
    """By tensor, of the candidate before: in most searches numbers alone change."""

    def __call__(
        self,
        work: Sequence[tuple[TensorPlan, Selection]],
        dtypes: Dtypes,
        files: Mapping[str, TensorReader] | None = None,
    ) -> Iterator[Change | None]:
        """Merge all, then yield each tensor's change as `Placer` returns it, or its TrialError."""
        changes: dict[str, Change | None] = {}
        at_once: list[tuple[TensorPlan, Ready]] = []
        for tensor, select in work:
            ready = self._remembered(tensor, dtypes)
            if ready is None:
                present = self.placer.read(self.held, tensor, dtypes, files)
                ready = self._made(tensor, dtypes, present)
                if ready is None:
                    alone = self.placer.merge(self.held, tensor, dtypes, select, present)
                    changes[tensor.name] = alone
                    continue
            at_once.append((tensor, ready))
        order: list[int] = []
        merged = self.many.merge_many(self._jobs(at_once, order)) if at_once else []
        for index, change in zip(order, merged, strict=True):
            tensor, ready = at_once[index]
            counted = change if ready.direct.against is not None else None
            changes[tensor.name] = counted or self.placer.change(self.held, tensor, dtypes)
        for tensor, _ in work:
            yield finite_change(tensor, changes[tensor.name])

    def _jobs(self, work: Sequence[tuple[TensorPlan, Ready]], order: list[int]) -> Iterator[Job]:
        """Yield the merges, and append to `order` which they are.

        Those that need norms come last: the device sums them all at once, when the host has given
        it the others to do.
        """
        norms = LaterNorms(self.fused.kernels)
        fused = replace(self.fused, kernels=cast("Kernels", norms))
        waiting: dict[int, Job] = {}
        for index, (tensor, ready) in enumerate(work):
            asked = len(norms.asked)
            job = fused.job(tensor, ready.sources, *ready.direct)
            if len(norms.asked) > asked:
                waiting[index] = job
                continue
            order.append(index)
            yield job
        programs = norms.scaled([job.program for job in waiting.values()])
        for index, program in zip(waiting, programs, strict=True):
            order.append(index)
            yield replace(waiting[index], program=program)

    def _remembered(self, tensor: TensorPlan, dtypes: Dtypes) -> Ready | None:
        last = self._last.get(tensor.name)
        if last is None or last.target is not self.placer.targets.get(tensor.name):
            return None
        return last if last.of == self._of(tensor, dtypes) else None

    def _made(self, tensor: TensorPlan, dtypes: Dtypes, present: Sequence[Weight]) -> Ready | None:
        """Return what a tensor's merge needs, None if it is to be merged alone."""
        direct = self.placer.direct(self.held, tensor, dtypes, present)
        if direct is None:
            return None
        sources = self.fused.sources(tensor, present)
        if not all(source.values.data_ptr() in self._stored for source in sources):
            return None
        target = self.placer.targets[tensor.name]
        made = Ready(self._of(tensor, dtypes), target, sources, direct)
        self._last[tensor.name] = made
        return made

    def _of(self, tensor: TensorPlan, dtypes: Dtypes) -> Hashable:
        """Return what decides which memory a tensor's merge reads and writes, and how."""
        form = method_named(tensor.method).form
        return form, dtypes, *[(source.model, source.tensor) for source in tensor.sources]

    @cached_property
    def _stored(self) -> frozenset[int]:
        """Where the tensors begin that stay where they are."""
        steps = [steps.values for steps in self.held.steps.values()]
        return frozenset(t.data_ptr() for t in (*self.held.dense.values(), *steps))
