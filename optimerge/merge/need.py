"""Predicts the memory of an engine from headers alone: bytes, by what they are for."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from optimerge.checkpoint.architecture import has_token_rows
from optimerge.checkpoint.dtypes import BITS, FILE_NAMES, TORCH_NAMES
from optimerge.checkpoint.folder import Checkpoint
from optimerge.merge.arena import padded
from optimerge.merge.change import PART
from optimerge.merge.kernels.facts import EPSILONS, WORTH_A_TABLE
from optimerge.merge.kernels.program import BLOCK, STEPS
from optimerge.merge.probe import bytes_an_entry
from optimerge.merge.rounding import Rounding
from optimerge.merge.steps import FilePlace, all_steps, place_of, ring_bytes, sources_of, step_bytes
from optimerge.merge.tensor import Mode, part_of
from optimerge.merge.tiers import Tier
from optimerge.merge.vocabulary import Vocabulary
from optimerge.methods.registry import method_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimerge.checkpoint.headers import TensorInfo

FLOAT32 = 4
DRAWN = 44
"""Bytes an entry, at most, of what torch's kernels hold for tables, scores, signs and sums."""
THINNED = 4
"""Bytes an entry and expert of torch's random numbers."""
OF_A_BLOCK = 16
"""Bytes a BLOCK of what one launch for many tensors counts in: owner, non-zeros, two sums."""
COMPARED = 20
"""Bytes an entry of what a merge that is not fused is compared with the base by, part by part."""
BIN = 16
"""Bytes of a table of magnitudes for each bin that is not empty."""
BINS = {"bfloat16": 2048, "float16": 2048, "float32": 4096}
"""About how many bins of a weight matrix are not empty, by dtype."""


@dataclass(frozen=True)
class Work:
    """What an engine is to do."""

    methods: tuple[str, ...]
    mode: Mode = "fast"
    math: str | None = "float32"
    """Math dtype, by torch's name; None: the models'."""
    out: str | None = None
    """Dtype of the resident model; None: the base's."""
    vocabulary: Vocabulary | None = None
    resident: Checkpoint | None = None
    """Headers of the model that is written to; None: the base's."""
    statistics: int = 0
    """Bytes of the statistics that methods of the space need."""
    rounding: Rounding | None = None
    """What of the experts is kept in int8 steps."""

    @property
    def fast(self) -> bool:
        """Whether the fused kernels do what they can."""
        return self.mode == "fast" and self.math == "float32"


@dataclass(frozen=True)
class Need:
    """Bytes of memory in one tier."""

    tier: Tier
    weights: int
    """Base and experts, each byte once, or what they are streamed through; adapters' factors."""
    resident: int
    """The model that candidates are written to."""
    tables: int
    """What is remembered of task vectors, the base's aligned tables of tokens, and statistics."""
    temporaries: int
    """Of the tensor that takes most."""
    buffers: int = 0
    """Of the kernels."""
    host: int = 0
    """Main memory beside that on the device, if they are two."""

    @property
    def peak(self) -> int:
        """Most bytes at a time on the device of the resident model."""
        working = self.temporaries + self.buffers
        return self.weights + self.resident + self.tables + working


def predicted(checkpoints: Sequence[Checkpoint], work: Work, tier: Tier, device: str) -> Need:
    """Return what an engine of these models, the base first, takes in a tier.

    Scoring comes on top, and loading takes no more: files are read into their place, and the
    resident model is moved there tensor by tensor.
    """
    sources = {c.reference: sources_of(c) for c in checkpoints}
    factors = sum(
        part.bytes
        for c in checkpoints
        if c.adapter
        for change in c.adapter.changes.values()
        if change.factors
        for part in (change.factors.a, change.factors.b)
    )
    whole = sum(map(padded, _held(checkpoints, sources, work).values()))
    names = all_steps(checkpoints)
    ring = ring_bytes(
        {name: step_bytes(sources[m][n] for m, n in keys) for name, keys in names.items()}
    )
    on_cpu = device.partition(":")[0] == "cpu"
    weights = whole if tier == "device" or (tier == "host" and on_cpu) else ring
    host = {"device": 0, "host": whole, "disk": ring}[tier]
    return Need(
        tier=tier,
        weights=weights + factors,
        resident=_resident(work.resident or checkpoints[0], work),
        tables=_tables(checkpoints, sources, work) + work.statistics,
        temporaries=_temporaries(checkpoints, sources, work, device),
        buffers=_buffers(checkpoints, device, work),
        host=0 if on_cpu else host,
    )


def _held(
    checkpoints: Sequence[Checkpoint],
    sources: "Mapping[str, Mapping[str, TensorInfo]]",
    work: Work,
) -> "dict[tuple[FilePlace, bool], int]":
    """Return the bytes of each tensor that is kept; models that share one count it once."""
    found, rounding = {}, work.rounding
    for model in checkpoints:
        for name, info in sources[model.reference].items():
            if rounding and rounding.applies(model, name):
                found[place_of(info), True] = rounding.held_bytes(model, name)
            else:
                found[place_of(info), False] = info.bytes
    return found


def _resident(base: Checkpoint, work: Work) -> int:
    out = _itemsize(work.out or base.dtype)
    total = 0
    for name, info in base.tensors.items():
        total += padded(prod(_shape(work, name, info)) * out)
    return total


def _tables(
    checkpoints: Sequence[Checkpoint],
    sources: "Mapping[str, Mapping[str, TensorInfo]]",
    work: Work,
) -> int:
    base, experts = checkpoints[0], checkpoints[1:]
    total = 0
    if work.vocabulary:
        for name, info in base.merged.items():
            if has_token_rows(name):
                total += prod(_shape(work, name, info)) * BITS[info.dtype] // 8
    if not work.fast:
        return total  # only the fused kernels remember
    thins = {form.thin for m in work.methods if (form := method_named(m).form)} - {"whole"}
    for name, info in base.merged.items():
        entries = prod(_shape(work, name, info))
        each = 0
        if thins:
            each += BIN * min(entries, BINS.get(TORCH_NAMES[info.dtype], 4096))
        table = 8 * (STEPS + 1) if entries >= WORTH_A_TABLE else 0
        if "random" in thins:
            each += table
        if "ranked" in thins:
            each += entries + EPSILONS * table
        total += each * sum(name in sources[e.reference] for e in experts)
    return total


def _temporaries(
    checkpoints: Sequence[Checkpoint],
    sources: "Mapping[str, Mapping[str, TensorInfo]]",
    work: Work,
    device: str,
) -> int:
    """Return the bytes of the tensor that takes most.

    They are sums of adapters, tables with the result's rows, casts, and what the kernels of
    methods take that are not fused, or writing and comparing what they return.
    """
    base = checkpoints[0]
    plain = [m for m in work.methods if not (work.fast and method_named(m).form)]
    own = _own_kernels(plain, checkpoints, work, device)
    cast = len(checkpoints) if len(plain) < len(work.methods) else 0
    most = 0
    for name, info in base.merged.items():
        entries = prod(_shape(work, name, info))
        sums = _adapted(checkpoints, name)
        taken = sums * FLOAT32 * entries + own.taken(entries)
        if sums:  # the sum of the last one is made beside the others; then all are cast alike
            taken = max(taken, max(sums + 2, cast) * FLOAT32 * entries)
        if work.vocabulary and has_token_rows(name):
            tables = [prod(sources[c.reference][name].shape) for c in checkpoints]
            taken += own.wide * (sum(tables) + len(tables) * entries)
        most = max(most, round(taken))
    return most


@dataclass(frozen=True)
class _OwnKernels:
    """What methods take that are not fused, beside the tensors that they merge."""

    each: tuple[tuple[float, int], ...]
    """Of each method: bytes an entry, and the entries that it is given at a time."""
    wide: int
    """Bytes of an entry in the math dtype."""
    written: int
    """Bytes of an entry of the result, and of its copy in the model's dtype, if that is another."""

    def taken(self, entries: int) -> float:
        """Return the bytes for a tensor of that size: to merge, to write or to compare it."""
        if not self.each:
            return 0.0
        merging = (
            slope * entries if entries <= part else self.wide * entries + slope * part
            for slope, part in self.each
        )
        return max(*merging, self.written * entries, COMPARED * min(entries, PART))


def _own_kernels(
    methods: Sequence[str], checkpoints: Sequence[Checkpoint], work: Work, device: str
) -> _OwnKernels:
    dtype, experts = checkpoints[0].dtype, len(checkpoints) - 1
    math, out = work.math or dtype, work.out or dtype
    wide = _itemsize(math)
    each = (
        (bytes_an_entry(m, experts, work.mode, dtype, work.math), part_of(method_named(m), device))
        for m in methods
    )
    return _OwnKernels(tuple(each), wide, wide + (_itemsize(out) if out != math else 0))


def _adapted(checkpoints: Sequence[Checkpoint], name: str) -> int:
    """Return how many models hold the tensor as a sum with an adapter's factors."""
    changes = (
        c.adapter.changes.get(c.merged[name].name)
        for c in checkpoints
        if c.adapter is not None and name in c.merged
    )
    return sum(change is not None and change.factors is not None for change in changes)


def _buffers(checkpoints: Sequence[Checkpoint], device: str, work: Work) -> int:
    """Return the bytes that the fused kernels work in, beside the tensors."""
    from optimerge.merge.kernels import reference
    from optimerge.merge.kernels.choose import kernels_for
    from optimerge.merge.kernels.cpu import CompiledKernels
    from optimerge.merge.kernels.many import ManyKernels

    forms = [form for m in work.methods if (form := method_named(m).form)]
    if not forms or not work.fast:
        return 0
    thins = any(form.thin != "whole" for form in forms)
    kernels = kernels_for(device)
    if isinstance(kernels, CompiledKernels):
        return kernels.tables_bytes if thins else 0
    part = reference.PART if device == "cpu" else reference.PART_ON_DEVICE
    if isinstance(kernels, ManyKernels):  # of which torch's make the tables
        entries = [prod(_shape(work, *item)) for item in checkpoints[0].merged.items()]
        blocks = sum(-(-count // BLOCK) for count in entries)
        return blocks * OF_A_BLOCK + thins * part * (FLOAT32 * 2 + DRAWN)
    models = len(checkpoints)
    drawn = DRAWN + THINNED * (models - 1) if thins else 0
    return part * (FLOAT32 * (models + 2) + drawn)


def _shape(work: Work, name: str, info: "TensorInfo") -> tuple[int, ...]:
    return work.vocabulary.shape(name, info.shape) if work.vocabulary else info.shape


def _itemsize(dtype: str) -> int:
    return BITS[FILE_NAMES[dtype]] // 8
