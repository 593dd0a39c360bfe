"""`cmaes`: CMA-ES on the mean of all objectives, as mergekit-evolve searches."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from optimerge.search.samplers.named import Ask, NamedSampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(
    ask: Ask,
    *,
    population_size: Annotated[
        int | None, Field(ge=2, description="points in a generation; none: 4 + 3 ln(dimensions)")
    ] = None,
    sigma: Annotated[
        float, Field(gt=0, le=1, description="first step size, as a share of every range")
    ] = 1 / 6,
) -> "BaseSampler":
    """Return a sampler whose first generation is drawn about the plain average of the experts."""
    from optimerge.search.distributions import space_distributions
    from optimerge.search.samplers.average import average
    from optimerge.search.samplers.evolution import Evolution
    from optimerge.search.samplers.mean_cmaes import MeanCmaEsSampler

    settings = Evolution(ask.run_seed, sigma, population_size, ask.scales)
    return MeanCmaEsSampler(ask.seed, settings, space_distributions(ask.space), average(ask.space))


SAMPLER = NamedSampler(
    "cmaes",
    "CMA-ES on the mean of the objectives, each in units of the parents' range; constraints first",
    "Hansen 2016, arXiv:1604.00772",
    make,
    use=(
        "to search as mergekit-evolve does, or for one objective. It knows no front: it "
        "climbs to the best mean of the objectives and stays there."
    ),
)
