"""Says why a tensor of one build is not that of another: ties, rounding, or nothing known."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimerge.export.merging import Merging
from optimerge.export.tied import TieRecorder
from optimerge.merge.engine import Engine
from optimerge.merge.plan import TensorPlan, make_plan
from optimerge.merge.tensor import Selections
from optimerge.recipe.schema import Recipe
from optimerge.search.session import Session

if TYPE_CHECKING:
    from torch import Tensor

FLOAT32 = 1.2e-7
"""A unit in the last place near 1: fast mode may add up in another order."""


@dataclass(frozen=True)
class Explained:
    """Entries that differ between two builds, by why."""

    tied: int = 0
    """Of equal magnitude with others at the edge of what is kept (fast mode: in one bin)."""
    rounded: int = 0
    """By a last digit of the output's dtype; in fast mode only."""
    unexplained: int = 0
    where: str = ""
    """The first tensor with an unexplained one; "" if there is none."""

    def and_of(self, name: str, tied: int, rounded: int, unexplained: int) -> "Explained":
        """Return this with the entries of one more tensor."""
        return Explained(
            self.tied + tied,
            self.rounded + rounded,
            self.unexplained + unexplained,
            self.where or (name if unexplained else ""),
        )


def explain(
    session: Session,
    recipe: Recipe,
    names: Iterable[str],
    ours: "Callable[[str], Tensor | None]",
    theirs: "Callable[[str], Tensor | None]",
) -> Explained:
    """Look at every entry that differs; each differing tensor is merged once more, exactly.

    `recipe`: as it is scored, of a method that is not random. Tensors that one of the two lacks are
    unexplained.
    """
    import torch

    engine, found = session.engine, Explained()
    plan = make_plan(recipe, engine.checkpoints)
    parts = {part.name: part for part in plan.tensors}
    exact = Selections("exact", engine.seed)
    with Merging(
        plan, engine.checkpoints, exact, "cpu", engine.align, engine.statistics, None, True
    ) as merging:
        for name in names:
            one, other = ours(name), theirs(name)
            if one is None or other is None or one.shape != other.shape:
                found = found.and_of(name, 0, 0, 1)
                continue
            one, other = one.cpu(), other.cpu()
            off = one != other
            if not off.any():
                continue
            ties = _ties(engine, merging, parts.get(name), one)
            close = _close(one, other) if engine.mode == "fast" else torch.zeros_like(off)
            counts = (off & ties, off & ~ties & close, off & ~ties & ~close)
            found = found.and_of(name, *(int(each.sum()) for each in counts))
    return found


def _ties(engine: Engine, merging: Merging, part: TensorPlan | None, one: "Tensor") -> "Tensor":
    """Return which entries were kept, or not, among others of equal magnitude."""
    import torch

    if part is None:
        return torch.zeros_like(one, dtype=torch.bool)
    stream = torch.Generator().manual_seed(engine.seed)
    select = TieRecorder(stream, bins=engine.mode == "fast")
    dtype = str(one.dtype).removeprefix("torch.")
    return select.tied(merging.merged(part, select, dtype), part)


def _close(one: "Tensor", other: "Tensor") -> "Tensor":
    """Return which entries differ by a last digit at the most."""
    import torch

    size = torch.maximum(one.abs(), other.abs()).double()
    allowed = size * torch.finfo(one.dtype).eps + FLOAT32 * max(1.0, float(size.max()))
    return (one.double() - other.double()).abs() <= allowed
