"""The tensors of base and experts in memory, each stored once.

Experts that are LoRA adapters on one base share the base's tensors: of a tensor that an adapter
changes only the factors are kept, and the sum is made when it is merged.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.headers import TensorInfo
from optimerge.checkpoint.lowrank import Factors, adapted
from optimerge.checkpoint.read import TensorReader, dtype_of
from optimerge.errors import CheckpointError
from optimerge.merge.arena import Arena
from optimerge.merge.finite import all_finite
from optimerge.merge.int8_steps import Steps, Weight
from optimerge.merge.lane import page_lock
from optimerge.merge.rounding import Rounding
from optimerge.merge.shared import common
from optimerge.merge.steps import FilePlace, Key, place_of, sources_of

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Weights:
    """Tensors of several models by (reference, name), on one device. Not to be written to."""

    dense: "dict[Key, torch.Tensor]"
    """Models that read the same bytes of the same file hold the same tensor."""
    factors: dict[Key, Factors]
    """What adapters add; tensors without are not in it."""
    dtypes: "dict[Key, torch.dtype]"
    """The base's dtype of tensors that an adapter holds whole, maybe in a wider one."""
    steps: dict[Key, Steps] = field(default_factory=dict)
    """Tensors of experts kept in int8 steps; they are not in `dense`."""

    def read(self, reference: str, name: str, *, rounded: bool = True) -> "torch.Tensor":
        """Return a tensor; where an adapter adds to it, `rounded` as `TensorReader` does."""
        if (reference, name) in self.steps:
            return self.steps[reference, name].dense()
        weight = self.dense[reference, name]
        factors = self.factors.get((reference, name))
        if rounded:
            weight = weight.to(self.dtypes.get((reference, name), weight.dtype))
        return weight if factors is None else adapted(weight, factors, rounded=rounded)

    def stream(self, steps: Sequence[Sequence[Key]]) -> "Generator[Weights]":
        """Yield the tensors of each step (all are here): see `tiers.Store`."""
        for _ in steps:
            yield self

    def source(
        self,
        reference: str,
        name: str,
        rounded: bool,
        files: Mapping[str, TensorReader] | None = None,
    ) -> Weight:
        """Return what a merge reads: a tensor as `read` does, or its steps where there are such.

        `files`: of the models; a tensor in steps is read whole from them instead.
        """
        steps = self.steps.get((reference, name))
        if steps is None:
            return self.read(reference, name, rounded=rounded)
        return files[reference].weight(name, str(steps.device)) if files else steps

    @property
    def bytes(self) -> int:
        """Bytes of memory held."""
        in_steps = [t for s in self.steps.values() for t in (s.values, s.scales)]
        held = {t.data_ptr(): t.nbytes for t in (*self.dense.values(), *in_steps)}
        return sum(held.values()) + sum(f.a.nbytes + f.b.nbytes for f in self.factors.values())


def load_weights(
    checkpoints: Sequence[Checkpoint],
    device: str,
    *,
    pinned: bool = False,
    rounding: Rounding | None = None,
) -> Weights:
    """Load all tensors, each model into one arena; CheckpointError if one holds NaN or infinities.

    Files are read straight into their place. Models that read the same bytes of the same file
    share them. `pinned`: main memory that a device reads by itself. `rounding`: what is kept in
    int8 steps from the base, the first of `checkpoints`. Workers of one machine keep what is in
    main memory once between them, but for steps: see `optimerge.merge.shared`.
    """
    found = load_factors(checkpoints, device)
    loaded: dict[FilePlace, torch.Tensor] = {}
    in_steps: dict[FilePlace, Steps] = {}
    here = device.partition(":")[0] == "cpu" and rounding is None
    every = {place_of(i): i for c in checkpoints for i in sources_of(c).values()} if here else {}
    with common(list(every.values())) as ours:
        for checkpoint in checkpoints:
            with TensorReader(checkpoint, rounded=False) as reader:
                if rounding:
                    made = rounding.load(reader, found.dense, in_steps, device, refuse_nan)
                    found.steps.update(made)
                kept = (
                    n for n in checkpoint.merged if (checkpoint.reference, n) not in found.steps
                )
                sources = {name: reader.source(name) for name in kept}
                new = {place_of(source): source for source in sources.values()}
                sizes = (s.bytes for place, s in new.items() if place not in loaded)
                arena = ours.arena if ours else Arena(sizes, device, pinned=pinned)
                _load_whole(reader, sources, arena, loaded, filled=bool(ours and ours.full))
            for name, source in sources.items():
                found.dense[checkpoint.reference, name] = loaded[place_of(source)]
    if ours and pinned:
        page_lock(ours.memory)
    return found


def _load_whole(
    reader: TensorReader,
    sources: Mapping[str, TensorInfo],
    arena: Arena,
    loaded: "dict[FilePlace, torch.Tensor]",
    *,
    filled: bool,
) -> None:
    """Read a model's tensors that are not loaded yet; `filled`: the arena holds them already."""
    for name, source in sources.items():
        place = place_of(source)
        if place not in loaded:
            loaded[place] = arena.take(source.shape, dtype_of(source))
            if not filled:
                reader.fill(name, loaded[place])
                refuse_nan(reader.checkpoint.reference, name, loaded[place])


def load_factors(checkpoints: Sequence[Checkpoint], device: str) -> Weights:
    """Load what adapters add, and the dtypes of what they hold whole, but no whole tensor.

    CheckpointError as `load_weights`.
    """
    found = Weights({}, {}, {})
    for checkpoint in checkpoints:
        if checkpoint.adapter is None:
            continue
        with TensorReader(checkpoint, rounded=False) as reader:
            for name, info in checkpoint.merged.items():
                key = checkpoint.reference, name
                if reader.source(name) is not info:
                    found.dtypes[key] = dtype_of(info)
                factors = reader.factors(name, device)
                if factors is not None:
                    refuse_nan(*key, factors.a, factors.b)
                    found.factors[key] = factors
    return found


def refuse_nan(reference: str, name: str, *tensors: "torch.Tensor") -> None:
    """Raise CheckpointError if a model's tensors hold NaN or infinite weights."""
    if not all(map(all_finite, tensors)):
        raise CheckpointError(
            f"{reference}: {name} holds NaN or infinite weights; "
            "use a sound checkpoint of this model"
        )
