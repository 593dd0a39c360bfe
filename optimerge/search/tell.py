"""Writes a trial's end into the study."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from optimerge.errors import RunError
from optimerge.records.attributes import (
    CONSTRAINTS,
    FIXED,
    PLACE,
    origin_of,
    place,
    trial_attributes,
)
from optimerge.records.evidence import Evidence, late_evidence, write_evidence
from optimerge.records.full_disk import patiently
from optimerge.records.keys import WAS
from optimerge.records.notes import note_attributes, trial_note
from optimerge.records.optuna_access import id_of, note_in_study, trial_of
from optimerge.records.origins import SAMPLER, is_parent
from optimerge.records.run import Run
from optimerge.records.run_journal import together
from optimerge.records.whole import cannot_write
from optimerge.search.candidate import Outcome
from optimerge.search.places import (
    LOST,
    MOST_LOST,
    end_failed,
    holes,
    point_of,
    times_lost,
    withdraw,
)

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

LOST_TOO_OFTEN = "its worker was lost three times"


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

    `proposing`: seconds of the stages before the merge. Evidence is written first, then attributes
    and values, in one piece where the storage can: a trial that is killed in between is still
    running and is repeated, never complete without its recipe. RunError if the evidence cannot be
    written.
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
        name = f"{study.study_name.rpartition('/')[2]}-{asked.number:05d}"
        kept |= _kept_evidence(run, name, scored.evidence)
    number = None if is_parent(origin) else asked.number
    note = trial_note(number, origin, recipe, scored.scores if scored else {})
    with together(study):
        for key, value in kept.items():
            asked.set_user_attr(key, value)
        for key, value in note_attributes(id_of(asked), note).items():
            note_in_study(study, key, value)
        return _told(study, asked, outcome)


def _kept_evidence(run: Run, name: str, evidence: Evidence) -> dict[str, str]:
    """Write a trial's evidence; return what the trial keeps of where it is."""
    patiently(run.folder, partial(write_evidence, run.artifacts, name, evidence))
    late = late_evidence(run.artifacts, name)
    return {"evidence": name, **({"evidence_late": late} if late else {})}


def _told(study: "optuna.Study", asked: "optuna.Trial", outcome: Outcome) -> "FrozenTrial":
    """Set what decides the trial's state, and the state last."""
    from optuna.trial import TrialState

    if outcome.scored is None:
        asked.set_user_attr("error", outcome.error)
        return study.tell(asked, state=TrialState.FAIL)
    # On every scored trial and in one order: Optuna's GP takes them by position.
    for name, beyond in outcome.constraints.items():
        asked.set_constraint(name, beyond)
    if outcome.scored.stopped:
        return study.tell(asked, state=TrialState.PRUNED)
    return study.tell(asked, list(outcome.values))


def put_back(study: "optuna.Study", trial_id: int, *, lost: bool = False) -> None:
    """End a running trial as withdrawn, and have its point tried again, in its place.

    `lost`: its worker is gone; the third time in one place the trial is ended as failed. Nothing
    is done where the trial has ended already. After a kill in between, `repeat_lost_places` does
    the rest.
    """
    trial = trial_of(study, trial_id)
    if trial.state.is_finished():
        return
    if lost and times_lost(study, trial) >= MOST_LOST:
        end_failed(study, trial, {"origin": origin_of(trial), "error": LOST_TOO_OFTEN})
        return
    withdraw(study, trial, "interrupted; repeated later", **({LOST: True} if lost else {}))
    repeat_lost_places(study)


def repeat_lost_places(study: "optuna.Study") -> None:
    """Have the points wait again of which every trial is withdrawn, each in its place.

    What the sampler keeps with a trial goes with it.
    """
    from optuna.trial import TrialState, create_trial

    for trial in holes(study):
        attributes = trial.system_attrs.items()
        kept = {k: v for k, v in attributes if not k.startswith((FIXED, CONSTRAINTS))}
        was = str(trial.user_attrs.get(WAS, SAMPLER))
        study.add_trial(
            create_trial(
                state=TrialState.WAITING,
                system_attrs={**kept, FIXED: point_of(trial)},
                user_attrs={**({} if was == SAMPLER else {"origin": was}), PLACE: place(trial)},
            )
        )


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
    except (ConnectionError, TimeoutError):  # OSErrors too, but of no disk
        raise
    except OSError as error:
        raise RunError(cannot_write(run.folder, error)) from error


def _try_to_put_back(study: "optuna.Study", trial_id: int) -> None:
    try:
        if not trial_of(study, trial_id).state.is_finished():  # it was told, just
            put_back(study, trial_id)
    except (OSError, KeyboardInterrupt) as error:  # the latter of a full disk: see `full_disk`
        log.warning("the trial cannot be put back now, the next search does it: %s", error)
