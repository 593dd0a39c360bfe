"""Begins trials of the search: those that wait, in their order, and proposals."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from optimerge.records.attributes import place
from optimerge.records.lease import CLAIM, WORKER, Worker, new_worker
from optimerge.records.optuna_access import begin_running, id_of, mark, set_state
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
                drop(study, id_of(waiting))
                continue
            study.sampler = optuna.samplers.RandomSampler(seed=waiting.number)
            trial = optuna.Trial(study, id_of(waiting))
            return trial, suggest_point(trial, space)
    return None


def claimed(study: "optuna.Study", waiting: "FrozenTrial", worker: Worker) -> bool:
    """Make a waiting trial this worker's; False if another one has it."""
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    trial_id = id_of(waiting)
    try:
        # Two may write the first, and one of them may die before the second: then it is his.
        mark(study, trial_id, CLAIM, str(worker))
        if not set_state(study, trial_id, TrialState.RUNNING):
            return False
        mark(study, trial_id, WORKER, str(worker))
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
    known = space_distributions(space)
    distributions = {name: known[name] for name in proposal.params}
    return begin_running(study, user_attrs, proposal.params, distributions, proposal.attributes)


def _waiting(study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
    from optuna.trial import TrialState

    found = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    return sorted(found, key=place)
