"""Puts the points to start from into the study, to be tried before the sampler is asked.

The design is made once: a run that is resumed with more trials keeps the one that it started
with. Recipes may be added later; one that was tried is not tried again.
"""

from typing import TYPE_CHECKING

from optimerge.search.budget import DEFAULT_TRIALS
from optimerge.search.start.design import design, experts_of
from optimerge.search.start.known import Start
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    import optuna

DONE, BUDGET = "warm start", "warm start budget"


def enqueue_starts(
    study: "optuna.Study",
    space: SearchSpace,
    recipes: tuple[Start, ...],
    trials: int | None,
    seed: int,
) -> None:
    """Enqueue the recipes' points, and of a new run the design for a budget of `trials`."""
    for start in recipes:
        _enqueue(study, start)
    if study.user_attrs.get(DONE):
        return
    if study.user_attrs.get(BUDGET) is None:  # else it was interrupted: the same design again
        study.set_user_attr(BUDGET, trials or DEFAULT_TRIALS)
    settings = space.search.warm_start
    if settings and settings.design:
        for start in design(space, experts_of(space), study.user_attrs[BUDGET], seed):
            _enqueue(study, start)
    study.set_user_attr(DONE, True)


def _enqueue(study: "optuna.Study", start: Start) -> None:
    origin = {"origin": start.origin}
    study.enqueue_trial(dict(start.point), user_attrs=origin, skip_if_exists=True)
