"""The tensors of base and experts in memory, each stored once.

Experts that are LoRA adapters on one base share the base's tensors: of a tensor that an adapter
changes only the factors are kept, and the sum is made when it is merged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.headers import TensorInfo
from optimerge.checkpoint.lowrank import Factors, adapted
from optimerge.checkpoint.read import TensorReader, dtype_of
from optimerge.errors import CheckpointError
from optimerge.merge.arena import Arena
from optimerge.merge.rounded import Steps, Weight
from optimerge.merge.rounding import Rounding
from optimerge.merge.tensor import all_finite

if TYPE_CHECKING:
    import torch

Key = tuple[str, str]
"""(reference of a model, name of a tensor)."""


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
    checkpoints: Sequence[Checkpoint], device: str, rounding: Rounding | None = None
) -> Weights:
    """Load all tensors, each model into one arena; CheckpointError if one holds NaN or infinities.

    Files are read straight into their place. Models that read the same bytes of the same file
    share them. `rounding`: what is kept in int8 steps from the base, the first of `checkpoints`.
    """
    found = Weights({}, {}, {})
    loaded: dict[tuple[Path, int], torch.Tensor] = {}
    in_steps: dict[tuple[Path, int], Steps] = {}
    for checkpoint in checkpoints:
        with TensorReader(checkpoint, rounded=False) as reader:
            if rounding:
                found.steps.update(rounding.load(reader, found.dense, in_steps, device, _check))
            whole = [n for n in checkpoint.merged if (checkpoint.reference, n) not in found.steps]
            sources = {name: reader.source(name) for name in whole}
            new = {_place(source): source for source in sources.values()}
            arena = Arena((s.bytes for key, s in new.items() if key not in loaded), device)
            for name, source in sources.items():
                place = _place(source)
                if place not in loaded:
                    loaded[place] = arena.place(source.shape, dtype_of(source))
                    reader.fill(name, loaded[place])
                    _check(checkpoint, name, loaded[place])
                key = checkpoint.reference, name
                found.dense[key] = loaded[place]
                if source is not checkpoint.merged[name]:
                    found.dtypes[key] = dtype_of(checkpoint.merged[name])
                factors = reader.factors(name, device)
                if factors is not None:
                    _check(checkpoint, name, factors.a, factors.b)
                    found.factors[key] = factors
    return found


def _place(info: TensorInfo) -> tuple[Path, int]:
    return info.file, info.start


def _check(checkpoint: Checkpoint, name: str, *tensors: "torch.Tensor") -> None:
    if not all(map(all_finite, tensors)):
        raise CheckpointError(
            f"{checkpoint.reference}: {name} holds NaN or infinite weights; "
            "use a sound checkpoint of this model"
        )
