"""`neighbours`: random points near a random member of the front."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from optimerge.search.samplers.named import Ask, NamedSampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(
    ask: Ask,
    *,
    reach: Annotated[float, Field(gt=0, le=1, description="farthest step, in ranges")] = 0.2,
) -> "BaseSampler":
    """Return the sampler; Optuna is imported here, so that samplers are listed at once."""
    from optimerge_example.near import NearSampler

    return NearSampler(ask.seed, reach)


SAMPLER = NamedSampler("neighbours", "random points near a random member of the front", "", make)
