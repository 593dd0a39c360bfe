"""`gp`: a Gaussian process an objective, expected hypervolume improvement."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from optimerge.search.samplers.named import Ask, NamedSampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(
    ask: Ask,
    *,
    startup_trials: Annotated[
        int, Field(ge=0, description="trials before which points are drawn at random")
    ] = 10,
) -> "BaseSampler":
    """Return Optuna's GP sampler.

    It needs the same constraints, in one order, on every completed trial. Its decomposition of
    the dominated volume into boxes takes minutes a proposal for six objectives (74 s at 11 trials).
    """
    from optuna.samplers import GPSampler

    return GPSampler(
        seed=ask.seed, n_startup_trials=startup_trials, warn_independent_sampling=False
    )


SAMPLER = NamedSampler(
    "gp",
    "Gaussian process an objective, expected hypervolume improvement (Optuna)",
    "Ament et al. 2023, arXiv:2310.20708",
    make,
    ahead=True,
    most_objectives=4,
    use=(
        "to compare with Optuna's own Gaussian process. It comes nearest to `auto` "
        "(docs/benchmarks/search-results.md), takes some twenty times as long a proposal,"
        " and minutes with many objectives: four at the most."
    ),
)
