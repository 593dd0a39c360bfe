"""Writes a trial's end into the study."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optimerge.search.candidate import Outcome

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

WITHDRAWN = "withdrawn"
"""Origin of a trial that was interrupted: its point is asked for again."""


def tell(
    study: "optuna.Study", number: int, outcome: Outcome, attributes: Mapping[str, Any]
) -> "FrozenTrial":
    """End a running trial with its outcome and return it as stored.

    Attributes are written before the values: a trial that is killed in between is still running
    and is repeated, never complete without its recipe.
    """
    trial_id = study.trials[number]._trial_id
    for key, value in attributes.items():
        study._storage.set_trial_user_attr(trial_id, key, value)
    if outcome.error:
        study._storage.set_trial_user_attr(trial_id, "error", outcome.error)
        return study.tell(number, state=_state("FAIL"))
    return study.tell(number, [score.value for score in outcome.scores.values()])


def put_back(study: "optuna.Study", number: int) -> None:
    """End an interrupted trial as withdrawn, and have its point asked for again."""
    trial = study.trials[number]
    origin = trial.user_attrs.get("origin")
    study._storage.set_trial_user_attr(trial._trial_id, "origin", WITHDRAWN)
    study._storage.set_trial_user_attr(trial._trial_id, "error", "interrupted; repeated later")
    study.tell(number, state=_state("FAIL"))
    if trial.params:
        study.enqueue_trial(trial.params, user_attrs={"origin": origin} if origin else None)


def _state(name: str) -> "optuna.trial.TrialState":
    from optuna.trial import TrialState

    return TrialState[name]
