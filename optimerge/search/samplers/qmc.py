"""`qmc`: a scrambled Sobol sequence."""

from typing import TYPE_CHECKING

from optimerge.search.samplers.named import Ask, NamedSampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(ask: Ask) -> "BaseSampler":
    """Return a sampler that goes on with the run's sequence; scrambled by the run's seed."""
    from optimerge.search.distributions import space_distributions
    from optimerge.search.samplers.sobol import SobolSampler

    return SobolSampler(ask.run_seed, space_distributions(ask.space), ask.attempt)


SAMPLER = NamedSampler(
    "qmc",
    "a scrambled Sobol sequence: fills the space evenly",
    "Owen 1998, doi:10.1006/jcom.1998.0487",
    make,
    use=(
        "to cover the space evenly, where nothing is to be learned on the way: to see how"
        " the scores depend on the numbers, or as a baseline."
    ),
)
