"""`tpe`: tree-structured Parzen estimators."""

import warnings
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
    multivariate: Annotated[
        bool | None, Field(description="model coordinates jointly; none: from 20 dimensions on")
    ] = None,
) -> "BaseSampler":
    """Return Optuna's TPE sampler."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import TPESampler

    # Joint modelling pays in wide spaces; grouping keeps it possible in conditional ones.
    joint = len(ask.space.dimensions) >= 20 if multivariate is None else multivariate
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # both options are, since Optuna 2
        return TPESampler(
            seed=ask.seed,
            n_startup_trials=startup_trials,
            multivariate=joint,
            group=joint and ask.space.conditional,
        )


SAMPLER = NamedSampler(
    "tpe",
    "tree-structured Parzen estimators (Optuna)",
    "Ozaki et al. 2022, doi:10.1613/jair.1.13188",
    make,
    use=(
        "to compare with Optuna's usual sampler, or where a candidate is scored in "
        "seconds: a proposal takes hundredths of one."
    ),
)
