"""Writes a trial's end into the study."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optimerge.records.run import WITHDRAWN
from optimerge.search.candidate import Outcome

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


def tell(
    study: "optuna.Study", asked: "optuna.Trial", outcome: Outcome, attributes: Mapping[str, Any]
) -> "FrozenTrial":
    """End a running trial with its outcome and return it as stored.

    Attributes are written before the values: a trial that is killed in between is still running
    and is repeated, never complete without its recipe.
    """
    for key, value in attributes.items():
        asked.set_user_attr(key, value)
    if outcome.error:
        asked.set_user_attr("error", outcome.error)
        return study.tell(asked, state=_state("FAIL"))
    # On every completed trial and in one order: Optuna's GP takes them by position.
    for name, beyond in outcome.constraints.items():
        asked.set_constraint(name, beyond)
    return study.tell(asked, list(outcome.values))


def put_back(study: "optuna.Study", trial_id: int) -> None:
    """End an interrupted trial as withdrawn, and have its point asked for again."""
    storage = study._storage
    trial = storage.get_trial(trial_id)
    origin = trial.user_attrs.get("origin")
    storage.set_trial_user_attr(trial_id, "origin", WITHDRAWN)
    storage.set_trial_user_attr(trial_id, "error", "interrupted; repeated later")
    study.tell(trial.number, state=_state("FAIL"))
    if trial.params:
        study.enqueue_trial(trial.params, user_attrs={"origin": origin} if origin else None)


def _state(name: str) -> "optuna.trial.TrialState":
    from optuna.trial import TrialState

    return TrialState[name]
