"""Begins trials of the search: those that wait, in their order, and proposals."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from optimerge.records.attributes import place
from optimerge.records.lease import CLAIM, WORKER, Worker, new_worker
from optimerge.search.distributions import space_distributions
from optimerge.search.places import drop, superseded
from optimerge.search.proposals import Proposal, suggest_point
from optimerge.space.ranges import Param
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


def any_waiting(study: "optuna.Study") -> bool:
    """Whether a point waits to be tried before anything is proposed."""
    return bool(_waiting(study))


def begin_waiting(
    study: "optuna.Study", space: SearchSpace, worker: Worker | None = None
) -> "tuple[optuna.Trial, dict[str, Param]] | None":
    """Begin the first trial that waits, and return it with its point; None if none waits.

    What was interrupted comes in its old place; what another worker has is dropped. Parameters
    that the waiting trial does not fix (somebody else enqueued it) are drawn at random.
    """
    import optuna

    for waiting in _waiting(study):
        if claimed(study, waiting, worker or new_worker()):
            if superseded(study, space, waiting):
                drop(study, waiting._trial_id)
                continue
            study.sampler = optuna.samplers.RandomSampler(seed=waiting.number)
            trial = optuna.Trial(study, waiting._trial_id)
            return trial, suggest_point(trial, space)
    return None


def claimed(study: "optuna.Study", waiting: "FrozenTrial", worker: Worker) -> bool:
    """Make a waiting trial this worker's; False if another one has it."""
    from optuna.exceptions import UpdateFinishedTrialError

    storage, trial_id = study._storage, waiting._trial_id
    try:
        # Two may write the first, and one of them may die before the second: then it is his.
        storage.set_trial_user_attr(trial_id, CLAIM, str(worker))
        if not storage.set_trial_state_values(trial_id, _state("RUNNING")):
            return False
        storage.set_trial_user_attr(trial_id, WORKER, str(worker))
    except UpdateFinishedTrialError:
        return False
    return True


def begin_proposal(
    study: "optuna.Study",
    space: SearchSpace,
    proposal: Proposal,
    user_attrs: Mapping[str, str],
) -> "optuna.Trial":
    """Begin a trial of a proposed point; it is stored whole, with the sampler's attributes."""
    import optuna

    known = space_distributions(space)
    template = optuna.trial.create_trial(
        state=_state("RUNNING"),
        params=dict(proposal.params),
        distributions={name: known[name] for name in proposal.params},
        user_attrs=dict(user_attrs),
        system_attrs=dict(proposal.attributes),
    )
    return optuna.Trial(study, study._storage.create_new_trial(study._study_id, template))


def _waiting(study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
    found = study.get_trials(deepcopy=False, states=(_state("WAITING"),))
    return sorted(found, key=place)


def _state(name: str) -> "optuna.trial.TrialState":
    from optuna.trial import TrialState

    return TrialState[name]
