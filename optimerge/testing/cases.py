"""What the laws of merge methods merge: ordinary models, extreme numbers, random statistics."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from optimerge.merge.selection.hashed import HashedSelection
from optimerge.methods.protocol import MergeMethod, Number, Parameter, TensorGroup
from optimerge.testing.statistics import (
    Statistics,
    chosen,
    cut,
    random_statistics,
    tensors_of,
    turned,
)

SHAPES = ((), (1,), (1, 1), (7,), (12, 10), (3, 4, 5))
MATRIX = (12, 10)


@dataclass(frozen=True)
class Case:
    """What is merged: tensors, names and numbers of some models, with or without a base."""

    base: Tensor | None
    inputs: tuple[Tensor, ...]
    numbers: tuple[Mapping[str, Number], ...]
    shared: Mapping[str, Number]
    names: tuple[str, ...]
    seed: int = 0
    depth: float = 0.7
    statistics: Statistics = field(default_factory=dict)
    """What the method needs to have been measured, at random."""

    def group(self) -> TensorGroup:
        """Return it as the method gets it."""
        select = HashedSelection(self.seed, "model.weight", self.names)
        group = (self.base, self.inputs, self.numbers, self.shared, select, self.depth)
        return TensorGroup(*group, self.statistics)

    def of(self, order: Sequence[int]) -> "Case":
        """Return the case with these of its inputs, in this order."""
        return replace(
            self,
            inputs=tuple(self.inputs[index] for index in order),
            numbers=tuple(self.numbers[index] for index in order),
            names=tuple(self.names[index] for index in order),
            statistics=chosen(self.statistics, tuple(order)),
        )

    def cut(self, part: slice, *, flat: bool) -> "Case":
        """Return the case with a part of every tensor: of its entries, or of its rows."""

        def piece(tensor: Tensor) -> Tensor:
            return (tensor.reshape(-1) if flat else tensor)[part]

        base = None if self.base is None else piece(self.base)
        found = cut(self.statistics, part, flat=flat)
        return replace(self, base=base, inputs=tuple(map(piece, self.inputs)), statistics=found)

    def turned(self) -> "Case":
        """Return the case of the transposed matrices: views."""
        base = None if self.base is None else self.base.t()
        inputs = tuple(x.t() for x in self.inputs)
        return replace(self, base=base, inputs=inputs, statistics=turned(self.statistics))

    def tensors(self) -> tuple[Tensor, ...]:
        """Return all its tensors."""
        models = self.inputs if self.base is None else (self.base, *self.inputs)
        return models + tensors_of(self.statistics)

    def having(self, parameter: Parameter, value: Number, *, first: bool = False) -> "Case":
        """Return the case with another value of a parameter, for all inputs or the first."""
        if not parameter.per_input:
            return replace(self, shared={**self.shared, parameter.name: value})
        numbers = tuple(
            {**n, parameter.name: value} if index == 0 or not first else n
            for index, n in enumerate(self.numbers)
        )
        return replace(self, numbers=numbers)


def ordinary(parameter: Parameter, share: float) -> Number:
    """Return an ordinary value of a parameter, `share` of the way through its usual range."""
    if parameter.usual is not None:
        low, high = parameter.usual
        return low + (high - low) * share
    return 0.5 if parameter.required else parameter.default  # type: ignore[return-value]  # required says that default is a Number


def refused(method: MergeMethod, case: Case) -> bool:
    """Say whether the method declares that it cannot merge these numbers."""
    refuse = method.refuse
    return refuse is not None and refuse(case.numbers, case.shared) is not None


def make_case(
    method: MergeMethod,
    shape: tuple[int, ...] = MATRIX,
    dtype: torch.dtype = torch.float32,
    *,
    based: bool,
    device: str = "cpu",
) -> Case:
    """Return ordinary models: a base, and inputs that differ from it in most entries."""
    stream = torch.Generator().manual_seed(5)
    count = max(method.least_inputs, 3)
    count = count if method.most_inputs is None else min(count, method.most_inputs)

    def normal() -> Tensor:
        return torch.randn(shape, generator=stream)

    base = normal()
    moved = [0.1 * normal() * (torch.rand(shape, generator=stream) < 0.6) for _ in range(count)]
    shares = [1 / (index + 1.3) for index in range(count)]
    inputs = tuple((base + change).to(device, dtype) for change in moved)
    return Case(
        base=base.to(device, dtype) if based else None,
        inputs=inputs,
        numbers=tuple({p.name: ordinary(p, s) for p in method.per_input} for s in shares),
        shared={p.name: ordinary(p, 0.7) for p in method.shared},
        names=tuple(f"model-{index}" for index in range(count)),
        statistics=random_statistics(method, inputs, stream),
    )


def at_usual_ends(method: MergeMethod, case: Case) -> Iterator[tuple[str, Case]]:
    """Yield the case as it is, and with each shared parameter at either end of its usual range."""
    yield "ordinary numbers", case
    for parameter in method.shared:
        for end in parameter.usual or ():
            yield f"{parameter.name} {end:g}", case.having(parameter, end)


def bases(method: MergeMethod) -> tuple[bool, ...]:
    """Return whether there is a base, for each way in which the method may be used."""
    return {"required": (True,), "optional": (True, False), "ignored": (False,)}[method.base]


def extremes(parameter: Parameter) -> tuple[Number, ...]:
    """Return legal values at the edges of what a parameter may be."""
    if parameter.kind == "boolean":
        return (False, True)
    values: tuple[float, ...] = (-2, 0, 1, 2, 50, parameter.low, parameter.high)
    if parameter.kind == "real":
        values += (1e-9, 1 - 1e-9)
    legal = (v for v in values if parameter.low <= v <= parameter.high and abs(v) < 1e9)
    return tuple(int(v) for v in legal) if parameter.kind == "integer" else tuple(legal)


def near(found: Tensor, wanted: Tensor) -> bool:
    """Say whether two results are equal but for the rounding of float32 sums."""
    return torch.allclose(found, wanted, rtol=1e-4, atol=1e-5)
