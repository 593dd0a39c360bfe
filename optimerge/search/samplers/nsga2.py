"""`nsga2`: evolution by non-dominated sorting and crowding distance."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from optimerge.search.samplers.named import Ask, NamedSampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(
    ask: Ask,
    *,
    population_size: Annotated[int, Field(ge=2, description="points in a generation")] = 20,
) -> "BaseSampler":
    """Return Optuna's NSGA-II sampler.

    Optuna's population of 50 would spend a usual night's budget on the first, random, generation.
    """
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(seed=ask.seed, population_size=population_size)


SAMPLER = NamedSampler(
    "nsga2",
    "evolution by non-dominated sorting (Optuna)",
    "Deb et al. 2002, doi:10.1109/4235.996017",
    make,
    use=(
        "to search as mergenetic does. In the first 100 merges it is hardly better than "
        "random (docs/benchmarks/search-results.md); a proposal takes no time."
    ),
)
