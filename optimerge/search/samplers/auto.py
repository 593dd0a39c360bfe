"""`auto`: what is best at the budget and in the space at hand."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from optimerge.search.samplers.named import Ask, NamedSampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(
    ask: Ask,
    *,
    startup_trials: Annotated[
        int, Field(ge=2, description="scored trials before which points are drawn at random")
    ] = 5,
    known_noise: Annotated[bool, Field(description="surrogates are told standard errors")] = True,
    known_sparsity: Annotated[
        bool, Field(description="the surrogate of nonzero is told what it is by formula, about")
    ] = True,
    families: Annotated[
        bool, Field(description="one parameter in many layers shares its length scales at first")
    ] = True,
    main_effects: Annotated[
        bool, Field(description="surrogates hold what each number does alone")
    ] = True,
    moves: Annotated[
        bool, Field(description="most candidates are near good points; else from anywhere")
    ] = True,
) -> "BaseSampler":
    """Return the sampler."""
    from optimerge.search.samplers.improving.proposal import Settings
    from optimerge.search.samplers.improving.sampler import ImprovementSampler
    from optimerge.search.samplers.space_domain import domain_of
    from optimerge.search.samplers.space_trends import trends_of

    return ImprovementSampler(
        seed=ask.seed,
        startup=startup_trials,
        settings=Settings(
            known_noise=known_noise,
            known_sparsity=known_sparsity,
            families=families,
            main_effects=main_effects,
            moves=moves,
        ),
        trends=trends_of(ask.space),
        objectives=ask.space.optimized,
        reference=ask.reference,
        domain=domain_of(ask.space),
    )


SAMPLER = NamedSampler(
    "auto",
    "noisy expected hypervolume improvement with known noise, over moves that a merger would try; "
    "for any space and number of objectives",
    "Daulton et al. 2021, arXiv:2105.08195",
    make,
    ahead=True,
    use=(
        "always, unless you compare samplers. It is what we can measure to be best at 10 "
        "to 100 merges (docs/benchmarks/search.md); a proposal takes seconds, in which "
        "the trial before is scored."
    ),
)
