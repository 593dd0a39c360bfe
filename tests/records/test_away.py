"""A connection that is cut in the middle of a list of trials: the list is read again."""

from collections.abc import Iterator

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy import event
from sqlalchemy.exc import OperationalError, PendingRollbackError

from optimerge.records import away
from optimerge.records.away import PatientDatabase


class Cut:
    """Cuts the connection in the next so many queries for trials."""

    def __init__(self, storage: PatientDatabase) -> None:
        self.left = self.cuts = 0
        event.listen(storage.engine, "before_cursor_execute", self._execute)

    def _execute(self, connection: object, cursor: object, statement: str, *_: object) -> None:
        if self.left and statement.startswith("SELECT trials."):
            self.left, self.cuts = self.left - 1, self.cuts + 1
            connection.invalidate()
            raise OperationalError(statement, None, Exception("cut"), connection_invalidated=True)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Iterator[PatientDatabase]:
    monkeypatch.setattr(away, "PAUSE", 0.0)
    made = PatientDatabase(f"sqlite:///{tmp_path}/runs.db")
    yield made
    made.remove_session()
    made.engine.dispose()


def test_a_list_that_is_cut_off_is_read_again(storage: PatientDatabase) -> None:
    study = optuna.create_study(storage=storage)
    study.add_trial(optuna.trial.create_trial(value=1.0))
    cut = Cut(storage)
    cut.left = 2
    assert [trial.value for trial in study.get_trials()] == [1.0]
    assert cut.cuts == 2


def test_what_is_no_lost_connection_ends_it() -> None:
    for cause in (PendingRollbackError("rolled back", code="7s2a"), ValueError("no")):
        error = StorageInternalError("wrapped")
        error.__cause__ = cause
        with pytest.raises(StorageInternalError):
            away._wait(error, 0)
