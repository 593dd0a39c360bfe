"""Writes a trial's end into the study."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from optimerge.errors import RunError
from optimerge.records.attributes import CONSTRAINTS, FIXED, PLACE, place, trial_attributes
from optimerge.records.evidence import write_evidence
from optimerge.records.full_disk import patiently
from optimerge.records.run import WITHDRAWN, Run
from optimerge.records.whole import cannot_write
from optimerge.search.candidate import Outcome

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)


def finish(
    run: Run,
    study: "optuna.Study",
    asked: "optuna.Trial",
    origin: str,
    recipe: str,
    outcome: Outcome,
    proposing: Mapping[str, float] | None = None,
) -> "FrozenTrial":
    """End a running trial with its outcome, keep its evidence, and return it as stored.

    `proposing`: seconds of the stages before the merge. Evidence and attributes are written before
    the values: a trial that is killed in between is still running and is repeated, never complete
    without its recipe. RunError if the evidence cannot be written.
    """
    scored = outcome.scored
    kept = trial_attributes(
        origin,
        recipe,
        scores=scored.scores if scored else None,
        stats=outcome.stats,
        seconds=dict(proposing or {}) | dict(outcome.seconds),
        tokens=scored.tokens if scored else None,
        stopped=scored.stopped if scored else "",
    )
    if scored and scored.evidence.tasks:
        name = f"{study.study_name}-{asked.number:05d}"
        patiently(run.folder, partial(write_evidence, run.folder, name, scored.evidence))
        kept["evidence"] = name
    for key, value in kept.items():
        asked.set_user_attr(key, value)
    if scored is None:
        asked.set_user_attr("error", outcome.error)
        return study.tell(asked, state=_state("FAIL"))
    # On every scored trial and in one order: Optuna's GP takes them by position.
    for name, beyond in outcome.constraints.items():
        asked.set_constraint(name, beyond)
    if scored.stopped:
        return study.tell(asked, state=_state("PRUNED"))
    return study.tell(asked, list(outcome.values))


def put_back(study: "optuna.Study", trial_id: int) -> None:
    """End an interrupted trial as withdrawn, and have its point tried again, in its place.

    What the sampler keeps with the trial goes with it. The repeat is stored before the trial is
    withdrawn: a kill in between loses neither, and the next search goes on from there.
    """
    from optuna.trial import create_trial

    storage = study._storage
    trial = storage.get_trial(trial_id)
    kept = {k: v for k, v in trial.system_attrs.items() if not k.startswith((FIXED, CONSTRAINTS))}
    point = trial.system_attrs.get(FIXED, {}) | trial.params
    waiting = study.get_trials(deepcopy=False, states=(_state("WAITING"),))
    if point and place(trial) not in map(place, waiting):
        named = {k: v for k, v in trial.user_attrs.items() if k == "origin"}
        study.add_trial(
            create_trial(
                state=_state("WAITING"),
                system_attrs={**kept, FIXED: point},
                user_attrs={**named, PLACE: place(trial)},
            )
        )
    storage.set_trial_user_attr(trial_id, "origin", WITHDRAWN)
    storage.set_trial_user_attr(trial_id, "error", "interrupted; repeated later")
    study.tell(trial.number, state=_state("FAIL"))


@contextmanager
def put_back_on_failure(run: Run, study: "optuna.Study", trial_id: int) -> Iterator[None]:
    """Put a trial back that could not be recorded or was interrupted: a later search repeats it.

    A disk that is full or cannot be written becomes a RunError that says so. Where not even that
    can be written, the trial is left running, and the next search puts it back.
    """
    try:
        with telling_of_disk(run):
            yield
    except (KeyboardInterrupt, RunError):
        _try_to_put_back(study, trial_id)
        raise


@contextmanager
def telling_of_disk(run: Run) -> Iterator[None]:
    """Turn a failure to write into the run folder into a RunError that names the remedy."""
    try:
        yield
    except OSError as error:
        raise RunError(cannot_write(run.folder, error)) from error


def _try_to_put_back(study: "optuna.Study", trial_id: int) -> None:
    try:
        if not study._storage.get_trial(trial_id).state.is_finished():  # it was told, just
            put_back(study, trial_id)
    except OSError as error:
        log.warning("the trial cannot be put back now, the next search does it: %s", error)


def _state(name: str) -> "optuna.trial.TrialState":
    from optuna.trial import TrialState

    return TrialState[name]
