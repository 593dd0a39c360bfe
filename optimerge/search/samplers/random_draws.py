"""`random`: every coordinate drawn on its own, uniformly (in the logarithm, if `log`)."""

from typing import TYPE_CHECKING

from optimerge.search.samplers.named import Ask, NamedSampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(ask: Ask) -> "BaseSampler":
    """Return Optuna's random sampler."""
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=ask.seed)


SAMPLER = NamedSampler(
    "random",
    "independent uniform draws",
    "Bergstra and Bengio 2012, jmlr.org/papers/v13/bergstra12a.html",
    make,
    use="as the baseline that every other sampler must beat.",
)
