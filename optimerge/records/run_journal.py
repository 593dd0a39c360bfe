"""Optuna's storage in a journal, for long runs and many writers: quick lists, one write a trial.

What it writes and reads is what Optuna's own reads and writes: both may be at work on one file.
"""

import copy
import threading
from collections.abc import Container, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.storages.journal._storage import JournalOperation
from optuna.trial import FrozenTrial, TrialState

from optimerge.records.optuna_access import storage_of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import optuna

_ENDED = tuple(state for state in TrialState if state.is_finished())


class RunJournal(JournalStorage):
    """A journal that looks at every ended trial once, and writes a trial's end in one piece."""

    def __init__(self, backend: BaseJournalBackend) -> None:
        """Open it; what is wrong with the file is raised here."""
        self._ended: dict[int, list[FrozenTrial]] = {}
        """By study the trials that have ended with all before them: nothing changes them."""
        self._kept = threading.local()
        super().__init__(backend)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return all trials, or those in certain states, as they are in the journal now."""
        with self._thread_lock:
            self._sync_with_backend()
            found = self._listed(study_id, states)
        return copy.deepcopy(found) if deepcopy else found

    def _listed(self, study_id: int, states: Container[TrialState] | None) -> list[FrozenTrial]:
        known = self._replay_result
        known.get_study(study_id)  # KeyError if there is none
        ids, trials = known._study_id_to_trial_ids[study_id], known._trials
        ended = self._ended.setdefault(study_id, [])
        while len(ended) < len(ids) and (trial := trials[ids[len(ended)]]).state.is_finished():
            ended.append(trial)
        others = [trials[trial_id] for trial_id in ids[len(ended) :]]
        if states is None:
            return ended + others
        # Who asks for running or waiting trials, as the search often does, passes over thousands.
        begin = ended if any(state in states for state in _ENDED) else []
        return [t for t in (*begin, *others) if t.state in states]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write what this thread sets in the block in one piece: all of it is on the disk, or none.

        That is when a trial's state is set, or else at the end; until then nobody sees any of it,
        also not this thread. Nothing is written of a block that an exception leaves before.
        """
        assert getattr(self._kept, "logs", None) is None
        self._kept.logs = []
        try:
            yield
            self._write_kept()
        finally:
            self._kept.logs = None

    def _write_log(self, op_code: int, extra_fields: dict[str, Any]) -> None:
        logs = getattr(self._kept, "logs", None)
        if logs is None:
            super()._write_log(op_code, extra_fields)
            return
        worker = self._replay_result.worker_id
        logs.append({"op_code": op_code, "worker_id": worker, **extra_fields})
        if op_code == JournalOperation.SET_TRIAL_STATE_VALUES:
            self._write_kept()

    def _write_kept(self) -> None:
        logs, self._kept.logs = self._kept.logs, []
        if logs:
            self._backend.append_logs(logs)

    def _sync_with_backend(self) -> None:
        """Read what is new; raise if something of this thread's came too late, for all of it once.

        Optuna raises at the first operation that is refused, and then again at the next reading
        for each that follows.
        """
        try:
            super()._sync_with_backend()
        except UpdateFinishedTrialError:
            while not self._goes_on():
                pass
            raise

    def _goes_on(self) -> bool:
        try:
            super()._sync_with_backend()
        except UpdateFinishedTrialError:
            return False
        return True


def together(study: "optuna.Study") -> "AbstractContextManager[None]":
    """Write what is set in the block in one piece, where a study's storage can do that.

    The others write piece by piece, the trial's state last.
    """
    storage = storage_of(study)
    return storage.together() if isinstance(storage, RunJournal) else nullcontext()
