"""Says why a tensor of one build is not that of another: ties, rounding, or nothing known."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimerge.export.merging import Merging
from optimerge.export.tied import TieRecorder
from optimerge.merge.plan import make_plan
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

    engine = session.engine
    plan = make_plan(recipe, engine.checkpoints)
    parts = {part.name: part for part in plan.tensors}
    exact = Selections("exact", engine.seed)
    tied = rounded = unexplained = 0
    where = ""
    with Merging(
        plan, engine.checkpoints, exact, "cpu", engine.align, engine.statistics, None, True
    ) as merging:
        for name in names:
            one, other = ours(name), theirs(name)
            if one is None or other is None or one.shape != other.shape:
                unexplained, where = unexplained + 1, where or name
                continue
            one, other = one.cpu(), other.cpu()
            off = one != other
            if not off.any():
                continue
            ties = torch.zeros_like(off)
            if name in parts:
                stream = torch.Generator().manual_seed(engine.seed)
                select = TieRecorder(stream, bins=engine.mode == "fast")
                dtype = str(one.dtype).removeprefix("torch.")
                ties = select.tied(merging.merged(parts[name], select, dtype), parts[name])
            close = torch.zeros_like(off)
            if engine.mode == "fast":
                size = torch.maximum(one.abs(), other.abs()).double()
                allowed = size * torch.finfo(one.dtype).eps + FLOAT32 * max(1.0, float(size.max()))
                close = (one.double() - other.double()).abs() <= allowed
            rest = off & ~ties & ~close
            tied += int((off & ties).sum())
            rounded += int((off & ~ties & close).sum())
            unexplained += int(rest.sum())
            if not where and rest.any():
                where = name
    return Explained(tied, rounded, unexplained, where)
