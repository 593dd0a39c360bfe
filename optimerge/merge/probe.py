"""Measures on small tensors what memory a merge method takes, an entry of the tensor merged.

The method's own kernel runs on random tensors. So a plug-in's method is measured like ours.
"""

import weakref
from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

from optimerge.merge.plan import InputTensor, MergePlan, TensorPlan
from optimerge.merge.tensor import Mode, Selections, merged, part_of, torch_dtype
from optimerge.methods.protocol import (
    MergeMethod,
    Number,
    Parameter,
    Required,
    Statistic,
    StatisticKind,
)
from optimerge.methods.registry import method_named

if TYPE_CHECKING:
    from torch import Generator, Tensor

ROWS, COLUMNS = 64, 1 << 15
"""The tensors' rows and columns: larger than the parts in which kernels work."""
SIDE = 512
"""Rows and columns where a method needs a gram matrix, of the columns times the columns."""


@cache
def bytes_an_entry(method: str, inputs: int, mode: Mode, dtype: str, math: str | None) -> float:
    """Return the bytes of temporaries and result for each entry, beside the tensors merged.

    Of a tensor that is merged in parts: for each entry of a part.

    `inputs`: models beside the base. `dtype`: theirs, by torch's name; `math`: as a plan's.
    """
    known = method_named(method)
    shape = (SIDE, SIDE) if known.statistics else (ROWS, COLUMNS)
    if prod(shape) > part_of(known, "cpu"):
        shape = (1, part_of(known, "cpu"))
    return _peak(known, shape, inputs, mode, dtype, math) / prod(shape)


def _peak(
    known: MergeMethod,
    shape: tuple[int, int],
    inputs: int,
    mode: Mode,
    dtype: str,
    math: str | None,
) -> int:
    import torch

    count = inputs + (known.base == "ignored")
    count = min(count, known.most_inputs or count)
    plan = TensorPlan(
        name="probe",
        method=known.name,
        base=None if known.base == "ignored" else InputTensor("base", "probe", {}),
        inputs=tuple(InputTensor(str(n), "probe", _numbers(known.per_input)) for n in range(count)),
        shared=_numbers(known.shared),
    )
    generator = torch.Generator().manual_seed(0)
    present = [torch.randn(shape, generator=generator).to(torch_dtype(dtype)) for _ in plan.sources]
    [(_, select)] = Selections(mode, 0)(MergePlan((plan,), 1, math, None))
    held = {
        kind: tuple(_statistic(kind, generator) for _ in plan.inputs) for kind in known.statistics
    }
    math_dtype = torch_dtype(math)
    return peak_bytes(lambda: merged(plan, math_dtype, present, select, lambda *_: held))


def _statistic(kind: StatisticKind, generator: "Generator") -> Statistic:
    import torch

    drawn = torch.randn(SIDE, SIDE, generator=generator)
    return Statistic(drawn.square() if kind == "fisher" else drawn.T @ drawn)


def _numbers(parameters: Sequence[Parameter]) -> dict[str, Number]:
    return {p.name: _number(p) for p in parameters}


def _number(parameter: Parameter) -> Number:
    if parameter.kind != "real" and not isinstance(parameter.default, Required):
        return parameter.default
    low, high = parameter.usual or (max(parameter.low, 0.0), min(parameter.high, 1.0))
    value = low + (high - low) / 2
    if parameter.kind == "boolean":
        return True
    return round(value) if parameter.kind == "integer" else value


def peak_bytes(work: Callable[[], object]) -> int:
    """Return the most bytes of tensors at a time that `work` makes, its result counted."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    alive: dict[int, tuple[int, list[weakref.ref[Tensor]]]] = {}
    peak = 0

    # torch's class has no types where a subclass is made, and where one is called.
    class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch types it not
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            nonlocal peak
            for place in [p for p, (_, refs) in alive.items() if all(r() is None for r in refs)]:
                del alive[place]  # before a new tensor may lie there
            given = {_place(t) for t in tree_leaves((args, kwargs)) if torch.is_tensor(t)}
            result = func(*args, **(kwargs or {}))
            for tensor in filter(torch.is_tensor, tree_leaves(result)):
                place = _place(tensor)
                if place in alive:
                    alive[place][1].append(weakref.ref(tensor))
                elif place not in given:
                    alive[place] = tensor.untyped_storage().nbytes(), [weakref.ref(tensor)]
            peak = max(peak, sum(size for size, _ in alive.values()))
            return result

    with Counting():  # type: ignore[no-untyped-call]  # torch types it not
        work()
    return peak


def _place(tensor: "Tensor") -> int:
    return tensor.untyped_storage().data_ptr()
