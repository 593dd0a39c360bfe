"""`nsga3`: evolution by non-dominated sorting and reference directions, for many objectives."""

import warnings
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from optimerge.search.samplers.named import Ask, NamedSampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(
    ask: Ask,
    *,
    population_size: Annotated[int, Field(ge=2, description="points in a generation")] = 20,
    divisions: Annotated[
        int, Field(ge=1, description="reference points along each edge of the objectives' simplex")
    ] = 3,
) -> "BaseSampler":
    """Return Optuna's NSGA-III sampler; population as for `nsga2`, and for the same reason."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import NSGAIIISampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # it is, since Optuna 3.2
        return NSGAIIISampler(
            seed=ask.seed, population_size=population_size, dividing_parameter=divisions
        )


SAMPLER = NamedSampler(
    "nsga3",
    "as nsga2, spread by reference directions: for four objectives and more (Optuna)",
    "Deb and Jain 2014, doi:10.1109/TEVC.2013.2281535",
    make,
    use="as `nsga2`, for four objectives and more.",
)
