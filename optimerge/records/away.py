"""A database that may be away for a while: whatever is wanted of it waits until it is back.

Every connection is tried before it is used, and made anew if it is dead (`pool_pre_ping`); while
that fails it is tried again and again. An operation in the middle of which the connection is lost
is done again, so that it is done once: those that only set or read as they are, the end of a trial
and the beginning of one after a look at whether they were done. Meanwhile a finished trial is kept
in memory by the search that waits to record it.
"""

import logging
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from optimerge.records.lease import WORKER

log = logging.getLogger(__name__)

AWAY = 3600.0
"""Seconds that a database may be away before the search ends."""
PAUSE = 2.0
"""Seconds between two attempts to reach it."""
AGAIN = 10
"""How often an operation is done again whose connection was lost."""
_UNUSABLE = "8s2b"
"""SQLAlchemy's number of "can't reconnect until invalid transaction is rolled back"."""
REPEATABLE = (
    "set_study_user_attr",
    "set_study_system_attr",
    "set_trial_user_attr",
    "set_trial_system_attr",
    "get_study_id_from_name",
    "get_study_name_from_id",
    "get_study_directions",
    "get_study_user_attrs",
    "get_study_system_attrs",
    "get_all_studies",
    "get_trial",
    "get_all_trials",
)
"""Operations of every storage that come to the same when they are done twice."""


class PatientDatabase(RDBStorage):
    """Optuna's storage in a database, that waits where the database is away."""

    def __init__(self, url: str) -> None:
        """Open it, and make its tables; whatever SQLAlchemy raises if it cannot be reached now."""
        super().__init__(url, engine_kwargs={"pool_pre_ping": True})
        event.listen(self.engine, "do_connect", _connected)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Set a trial's state; where that was done, but not heard of, it is no error."""
        for attempt in range(AGAIN):
            try:
                return super().set_trial_state_values(trial_id, state, values)
            except UpdateFinishedTrialError:
                if not attempt or self.get_trial(trial_id).state is not state:
                    raise
                return True
            except StorageInternalError as error:
                _wait(error, attempt)
        raise AssertionError  # the last attempt raises or returns

    def _create_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None = None
    ) -> FrozenTrial:
        for attempt in range(AGAIN):
            try:
                if attempt and (made := made_already(self, study_id, template_trial)):
                    return made
                return super()._create_new_trial(study_id, template_trial)
            except StorageInternalError as error:
                _wait(error, attempt)
        raise AssertionError


def made_already(
    storage: BaseStorage, study_id: int, template: FrozenTrial | None
) -> FrozenTrial | None:
    """Return the running trial that was made of a template, if it was and that was not heard of.

    A worker runs one trial at a time: then it is the one that names the same worker.
    """
    worker = template.user_attrs.get(WORKER) if template else None
    if not worker:
        return None
    running = storage.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING,))
    return next((trial for trial in running if trial.user_attrs.get(WORKER) == worker), None)


def _connected(dialect: Any, record: Any, arguments: Any, named: Any) -> Any:
    """Connect to a database, again and again while it cannot be reached."""
    began, said = time.monotonic(), False
    while True:
        try:
            return dialect.connect(*arguments, **named)
        except dialect.loaded_dbapi.OperationalError as error:
            if time.monotonic() - began > AWAY:
                raise
            if not said:
                log.warning("the database is away; waiting for it (%s)", type(error).__name__)
                said = True
            time.sleep(PAUSE)


def _wait(error: Exception, attempt: int) -> None:
    """Wait a moment before an operation is done again; raise the error if that makes no sense."""
    cause: BaseException | None = error
    while cause is not None and not _is_lost(cause):
        cause = cause.__cause__
    if cause is None or attempt + 1 == AGAIN:
        raise error
    log.warning("the connection to the database was lost; trying again")
    time.sleep(PAUSE)


def _is_lost(error: BaseException) -> bool:
    """Whether an error is of SQLAlchemy's and says that the connection is gone."""
    if isinstance(error, PendingRollbackError):
        # Optuna asked once more on the lost connection: it lists trials in another way then.
        return error.code == _UNUSABLE
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _again(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def patient(*arguments: Any, **named: Any) -> Any:
        for attempt in range(AGAIN):
            try:
                return method(*arguments, **named)
            except (StorageInternalError, DBAPIError) as error:
                _wait(error, attempt)
        raise AssertionError

    return patient


for _name in (*REPEATABLE, "_get_trials", "get_n_trials"):
    setattr(PatientDatabase, _name, _again(getattr(RDBStorage, _name)))
