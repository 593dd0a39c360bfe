"""`mmmo` and, to compare with, `mmmo_as_released`: MM-MO mended, and as its code has it."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from optimerge.search.samplers.named import Ask, NamedSampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

PAPER = "arXiv:2407.00487, doi:10.1109/TEVC.2025.3613937"


def make(
    ask: Ask,
    *,
    acquisition: Annotated[
        bool, Field(description="candidates maximise the expected hypervolume improvement")
    ] = True,
    weak_to_strong: Annotated[
        bool, Field(description="candidates are crossed with the best evaluated points")
    ] = True,
    fisher: Annotated[
        bool, Field(description="candidates about which least is known are evaluated")
    ] = True,
    kept: Annotated[
        int, Field(ge=1, le=10, description="points of a round of 10 candidates that are evaluated")
    ] = 5,
    startup_trials: Annotated[
        int, Field(ge=0, description="scored trials before which points are drawn at random")
    ] = 10,
) -> "BaseSampler":
    """Return MM-MO with the released code's faults mended."""
    from optimerge.search.samplers.mmmo.sampler import MMMOSampler
    from optimerge.search.samplers.space_domain import domain_of

    return MMMOSampler(
        seed=ask.seed,
        acquisition=acquisition,
        weak_to_strong=weak_to_strong,
        fisher=fisher,
        kept=kept,
        startup=startup_trials,
        objectives=ask.space.optimized,
        reference=ask.reference,
        domain=domain_of(ask.space),
    )


def make_as_released(
    ask: Ask,
    *,
    percents: Annotated[
        bool, Field(description="the first two scores times 100, as OpenCompass reports them")
    ] = True,
) -> "BaseSampler":
    """Return MM-MO as released."""
    from optimerge.search.samplers.mmmo.sampler import MMMOSampler
    from optimerge.search.samplers.space_domain import domain_of

    return MMMOSampler(
        seed=ask.seed, as_released=True, percents=percents, domain=domain_of(ask.space)
    )


SAMPLER = NamedSampler(
    "mmmo",
    "MM-MO, its released code's faults mended: expected hypervolume improvement, weak-to-strong "
    "crossover, Fisher information",
    PAPER,
    make,
    ahead=True,
    use="to repeat the MM-MO paper's search, or to ask what one of its parts brings: each can be "
    "switched off. `auto` finds more with as many merges.",
)
AS_RELEASED = NamedSampler(
    "mmmo_as_released",
    "for comparison only: MM-MO as its released code proposes, faults and all",
    PAPER,
    make_as_released,
    ahead=True,
    use="to compare with MM-MO's released code, and for nothing else.",
)
