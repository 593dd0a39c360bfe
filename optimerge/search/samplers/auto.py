"""`auto`: what is best at the budget and in the space at hand."""

from typing import TYPE_CHECKING

from optimerge.search.samplers import gp, tpe
from optimerge.search.samplers.named import Ask, NamedSampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(ask: Ask) -> "BaseSampler":
    """Return the sampler whose turn it is."""
    many = len(ask.space.optimized) > 3
    if many or ask.space.conditional or any(d.range.choices for d in ask.space.dimensions):
        return tpe.make(ask)
    return gp.make(ask) if ask.finished % 2 else tpe.make(ask)


SAMPLER = NamedSampler(
    "auto",
    "Gaussian processes and TPE in turn; TPE alone for more than three objectives, names among "
    "the dimensions, or conditional spaces",
    "",
    make,
    ahead=True,
)
