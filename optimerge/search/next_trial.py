"""Begins the search's next trial: what waits comes first, then the sampler's proposal.

A sampler that raises costs its proposal, not the night: a random point is tried instead, and its
origin says so. The third in a row ends the search; how many there were is read from the trials.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from optimerge.errors import RunError
from optimerge.records.attributes import origin_of
from optimerge.records.lease import WORKER
from optimerge.records.optuna_access import id_of, trial_of
from optimerge.records.origins import RANDOM
from optimerge.search.begin import any_waiting, begin_proposal, begin_waiting
from optimerge.search.budget import Stop
from optimerge.search.lease import running_trials
from optimerge.search.making import Made
from optimerge.search.places import drop, superseded
from optimerge.search.proposals import Proposal, View, propose_point
from optimerge.search.proposer import Proposer
from optimerge.search.samplers.registry import sampler_named
from optimerge.search.seen import make_view
from optimerge.search.session import Session
from optimerge.space.ranges import Param

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

RAISED_IN_A_ROW = 3
"""After so many errors of the sampler in a row the search ends."""


@dataclass(frozen=True)
class Begun:
    """A trial that is running, with its point."""

    trial: "optuna.Trial"
    params: Mapping[str, Param]
    seconds: Mapping[str, float]
    """wait: what beginning it took; propose: what its proposal took, then or before."""


def begin_next(
    session: Session, proposer: Proposer, stop: Stop, warn: Callable[[str], None]
) -> Begun | None:
    """Begin the next trial; None if a stop was asked for while its proposal was made.

    RunError if the sampler raised for the third time in a row.
    """
    started = time.perf_counter()
    study, space, worker = session.run.search, session.space, session.worker
    begun, seconds = begin_waiting(study, space, worker), dict[str, float]()
    while begun is None:
        trials = study.get_trials(deepcopy=False)
        view = next_view(session, proposer, trials)
        made = proposer.take(view, shared=others_run(session) > 0)
        if made.refusal:
            raise made.refusal
        if stop.requested:
            return None
        proposal, marked = made.proposal, dict[str, str]()
        if proposal is None:
            proposal, marked = _instead(session, view, made, proposer.sampler.name, warn)
        seconds["propose"] = made.seconds
        trial = begin_proposal(study, space, proposal, {**marked, WORKER: str(worker)})
        frozen = trial_of(study, id_of(trial))
        # What is in the view has another point; looked at is what others began since.
        viewed = len(trials)
        if trial.number > viewed and superseded(study, space, frozen, viewed):
            drop(study, id_of(trial))  # another worker began the same point meanwhile
        else:
            begun = trial, dict(proposal.params)
    seconds["wait"] = time.perf_counter() - started
    return Begun(*begun, seconds)


def prepare_next(session: Session, proposer: Proposer) -> None:
    """Have the proposal made that comes after the running trial, unless a point waits."""
    if proposer.pays and not any_waiting(session.run.search):
        proposer.prepare(next_view(session, proposer))


def next_view(
    session: Session, proposer: Proposer, trials: "Sequence[FrozenTrial] | None" = None
) -> View:
    """Return what the next proposal depends on; the same before and after the trial has ended.

    `trials`: of the search, as they were read just now; default: they are read.
    """
    run = session.run
    return make_view(
        run.search,
        session.space,
        run.info.objectives,
        run.info.seed,
        ahead=proposer.sampler.ahead,
        worker=session.worker.index,
        memory=session.memory,
        trials=trials,
    )


def others_run(session: Session) -> int:
    """Count the trials that other workers are running."""
    studies = session.run.parents, session.run.search
    return sum(is_of_another(session, t) for study in studies for t in running_trials(study))


def is_of_another(session: Session, trial: "FrozenTrial") -> bool:
    """Whether another worker runs a running trial."""
    return bool(trial.user_attrs.get(WORKER) != str(session.worker))


def _instead(
    session: Session, view: View, made: Made, sampler: str, warn: Callable[[str], None]
) -> tuple[Proposal, dict[str, str]]:
    """Return a random proposal with its mark, or end the search."""
    log.error("the sampler %s raised %s\n%s", sampler, made.error, made.trace)
    before = len(list(takewhile(lambda t: origin_of(t) == RANDOM, reversed(view.trials))))
    if before + 1 >= RAISED_IN_A_ROW:
        raise RunError(
            f"{session.run.folder}: the sampler {sampler} failed {before + 1} times in a row, the "
            f"last time with {made.error}; see log.txt there, and go on with another one, such as "
            "--sampler tpe"
        )
    if not any(origin_of(trial) == RANDOM for trial in view.trials):
        warn(
            f"the sampler {sampler} failed ({made.error}); a random point is tried instead, "
            "see log.txt"
        )
    return propose_point(view, sampler_named("random")), {"origin": RANDOM}
