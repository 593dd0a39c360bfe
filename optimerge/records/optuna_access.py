"""What is read and written past Optuna's public names: one place to mend when a release moves them.

Several workers share a study: trials are begun whole, ended and marked by their ids, and read anew,
for which Optuna has a study's storage and no public name. The storages of our own (`run_journal`,
`proxy`, `search.view_storage`) know Optuna's from the inside besides.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, Trial, TrialState


def storage_of(study: "Study") -> "BaseStorage":
    """Return what keeps a study."""
    return study._storage


def id_of(trial: "Trial | FrozenTrial") -> int:
    """Return a trial's id in its storage, which is not its number in the study."""
    return trial._trial_id


def trial_of(study: "Study", trial_id: int) -> "FrozenTrial":
    """Return a trial as it is now, read alone."""
    return study._storage.get_trial(trial_id)


def begin_running(
    study: "Study",
    marked: Mapping[str, Any],
    params: Mapping[str, Any] | None = None,
    distributions: "Mapping[str, BaseDistribution] | None" = None,
    system: Mapping[str, Any] | None = None,
) -> "Trial":
    """Begin a trial that is stored whole: nobody sees it without its point or what marks it.

    `marked`, `system`: its user and system attributes.
    """
    from optuna.trial import Trial, TrialState, create_trial

    template = create_trial(
        state=TrialState.RUNNING,
        params=dict(params or {}),
        distributions=dict(distributions or {}),
        user_attrs=dict(marked),
        system_attrs=dict(system or {}),
    )
    return Trial(study, study._storage.create_new_trial(study._study_id, template))


def mark(study: "Study", trial_id: int, key: str, value: Any) -> None:
    """Set a user attribute of a trial; Optuna's UpdateFinishedTrialError if it has ended."""
    study._storage.set_trial_user_attr(trial_id, key, value)


def set_state(study: "Study", trial_id: int, state: "TrialState") -> bool:
    """Set a trial's state; False if another one has taken it up. As `mark` if it has ended."""
    return study._storage.set_trial_state_values(trial_id, state)


def note_in_trial(study: "Study", trial: "Trial | FrozenTrial", key: str, value: Any) -> None:
    """Set a system attribute of a trial: what a sampler keeps with it."""
    study._storage.set_trial_system_attr(trial._trial_id, key, value)


def note_in_study(study: "Study", key: str, value: Any) -> None:
    """Set a system attribute of a study."""
    study._storage.set_study_system_attr(study._study_id, key, value)


def study_notes(study: "Study") -> dict[str, Any]:
    """Return the system attributes of a study."""
    return dict(study._storage.get_study_system_attrs(study._study_id))
