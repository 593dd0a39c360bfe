"""What a merge method is: declared parameters, traits, and a kernel on the tensors of one name.

A method lives in one file, which declares each parameter once. Recipe checks, search-space
checks, `optimerge methods` and the engine all read that declaration.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor

Number = float | int | bool | None
Kind = Literal["real", "integer", "boolean"]
StatisticKind = Literal["fisher", "gram"]
"""What `optimerge calibrate` measures on a model."""


class Required:
    """Type of the marker that says: this parameter has no default."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = Required()


@dataclass(frozen=True)
class Parameter:
    """One number that a merge method takes, with the values that make sense."""

    name: str
    help: str
    default: Number | Required = REQUIRED
    kind: Kind = "real"
    per_input: bool = False
    """True: one value a model; False: one value for all models of a tensor."""
    low: float = float("-inf")
    """Smallest legal value, inclusive."""
    high: float = float("inf")
    """Largest legal value, inclusive."""
    usual: tuple[float, float] | None = None
    """What is worth searching, as the reference shows it: the laws, and the probe of a method's
    memory, take values from it. None: not worth a dimension."""

    @property
    def required(self) -> bool:
        """Whether a recipe must give a value."""
        return isinstance(self.default, Required)


class Selection(Protocol):
    """How a sparsifying method chooses entries: by hash (fast) or as mergekit does (exact).

    `index` is the position of the task vector among the inputs of the tensor being merged.
    Every answer is a boolean mask of the shape of the task vector, True where it is kept.
    """

    def largest(self, index: int, delta: "Tensor", keep: int) -> "Tensor":
        """Keep the `keep` entries of largest magnitude."""
        ...

    def band(self, index: int, delta: "Tensor", drop_smallest: int, keep: int) -> "Tensor":
        """Sort magnitudes ascending, drop the first `drop_smallest`, keep the next `keep`."""
        ...

    def row_ranks(self, index: int, delta: "Tensor") -> "Tensor":
        """Rank |delta| along dim 1 (a 1-D tensor is one row): 1 is the smallest; real dtype."""
        ...

    def random(self, index: int, delta: "Tensor", keep: "float | Tensor") -> "Tensor":
        """Keep each entry with probability `keep` (a number, or one probability an entry)."""
        ...

    def sample(self, size: int, count: int) -> "Tensor | None":
        """Return `count` positions among `size` entries to estimate from; None: look at all."""
        ...


@dataclass(frozen=True)
class Statistic:
    """What calibration found out about one tensor of one model."""

    values: "Tensor"
    """fisher: one number >= 0 an entry. gram: X'X, of shape (n, n), for inputs X (rows, n)."""
    axis: int = -1
    """gram: the dimension of the tensor, of length n, that X runs along; -1 in `nn.Linear`."""


@dataclass(frozen=True)
class TensorGroup:
    """The tensors of one name that are merged into one, with their numbers; all of one shape.

    `base` is None for methods that ignore or do not have it. `inputs` are in recipe order and
    never hold the base, except for methods whose base is "ignored": there it is one more input.
    Tensors are in the math dtype; a kernel must not write to them.
    """

    base: "Tensor | None"
    inputs: "tuple[Tensor, ...]"
    numbers: tuple[Mapping[str, Number], ...]
    """Per-input parameters, aligned with `inputs`; defaults filled in."""
    shared: Mapping[str, Number]
    """Shared parameters; defaults filled in."""
    select: Selection
    depth: float = 0.0
    """Where the tensor's layer lies in the merged model: 0 first, 1 last; 0 outside the layers."""
    statistics: Mapping[StatisticKind, tuple[Statistic | None, ...]] = field(default_factory=dict)
    """By kind, aligned with `inputs`; None where calibration has none. Of what is declared only."""


Kernel = Callable[[TensorGroup], "Tensor"]
Refuse = Callable[[Sequence[Mapping[str, Number]], Mapping[str, Number]], str | None]
Base = Literal["required", "optional", "ignored"]
Locality = Literal["entry", "row", "tensor"]


@dataclass(frozen=True)
class Form:
    """A method as the fused kernels know it; its parameters bear the names in `parameters`.

    Its kernel says the same in tensor operations, and is what exact mode and other dtypes use.
    """

    thin: Literal["whole", "largest", "band", "random", "ranked"] = "whole"
    """How a task vector is thinned: see `sparsify`."""
    elect: bool = False
    """Whether signs are elected."""
    linear: bool = False
    """Whether it averages models instead of adding task vectors to a base."""


@dataclass(frozen=True)
class MergeMethod:
    """A merge method: name, source, formula, parameters, traits and kernel (group -> tensor)."""

    name: str
    summary: str
    paper: str
    base: Base
    parameters: tuple[Parameter, ...]
    kernel: Kernel
    least_inputs: int = 1
    """Fewest inputs beside the base (with base "ignored": of all inputs)."""
    most_inputs: int | None = None
    symmetric: bool = True
    """Whether the order of the inputs (with their numbers) does not matter."""
    locality: Locality = "entry"
    """What an output entry depends on: the same entries, the same row, or the whole tensor."""
    stochastic: bool = False
    mergekit: bool = True
    """Whether `mergekit-yaml` 0.1.5 has the method under this name."""
    form: Form | None = None
    """How it runs in one pass over memory; None: only its kernel can merge."""
    statistics: tuple[StatisticKind, ...] = ()
    """What must have been measured on every input (`optimerge calibrate`); not on the base."""
    formula: tuple[str, ...] = ()
    """What the kernel computes of one tensor: lines of LaTeX, in the letters of `formulas`."""
    use: str = ""
    """When to take it, and when not: a sentence or two."""
    known_good: tuple[Mapping[str, Number], ...] = ()
    """Numbers that a search tries early, best first: the paper's own, or what people use. A weight
    is that of every model; without one they share 1. Parameters that are left out have their
    defaults."""
    refuse: Refuse | None = None
    """Says why numbers (of all inputs, shared) cannot be merged, or None; no tensors."""

    def parameter(self, name: str) -> Parameter | None:
        """Return the declared parameter of that name, or None."""
        return next((p for p in self.parameters if p.name == name), None)

    @property
    def per_input(self) -> tuple[Parameter, ...]:
        """The parameters with one value a model."""
        return tuple(p for p in self.parameters if p.per_input)

    @property
    def shared(self) -> tuple[Parameter, ...]:
        """The parameters with one value for all models."""
        return tuple(p for p in self.parameters if not p.per_input)
