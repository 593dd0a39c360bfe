"""Holds the trials that a worker runs, and looks after those of workers that are gone.

    with Lease(run, worker) as lease:
        lease.settle(stop)             # before the first trial: what was left running is put back
        with lease.holding(study, trial_id):
            ... score and tell ...     # a thread raises the trial's beat

One thread of each worker beats for its own trial and looks at the beats of the others'. Only the
search itself puts trials back, between two of its own: see `records.lease` for when, and
`search.tell.put_back` for how.
"""

import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Self

from optuna.exceptions import UpdateFinishedTrialError

from optimerge.records import lease as leases
from optimerge.records.attributes import is_withdrawn
from optimerge.records.lease import BEAT, CLAIM, LIVE, WORKER, Life, Watch, Worker, life
from optimerge.records.optuna_access import id_of, mark, trial_of
from optimerge.records.run import Run
from optimerge.search.budget import Stop
from optimerge.search.tell import LOST_TOO_OFTEN, put_back, repeat_lost_places

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

POLL = 0.5
"""Seconds between two looks of a worker that has nothing to do."""


class Lease:
    """A worker's hold on its trials; a context manager around its whole search."""

    def __init__(self, run: Run, worker: Worker, watch: Watch | None = None) -> None:
        self.worker = worker
        self._run = run
        self._watch = watch or Watch()
        self._looking = threading.Lock()
        self._clock, self._mended = time.monotonic, -math.inf
        self._held: tuple[optuna.Study, int] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        LIVE.add(self.worker.token)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        LIVE.discard(self.worker.token)
        self._ended.set()
        self._thread.join()

    @contextmanager
    def holding(self, study: "optuna.Study", trial_id: int) -> Iterator[None]:
        """Beat for a running trial of this worker's.

        Where others took this worker for lost and put the trial back, what is told of it is too
        late: the rest of the block is left, and nothing is recorded.
        """
        self._held = study, trial_id
        try:
            yield
        except (UpdateFinishedTrialError, ValueError):  # the latter from a tell that looks first
            trial = trial_of(study, trial_id)
            if not is_withdrawn(trial) and trial.user_attrs.get("error") != LOST_TOO_OFTEN:
                raise
            log.warning("trial %d was put back by another worker", trial.number)
        finally:
            self._held = None

    def settle(self, stop: Stop) -> None:
        """Put back what workers left running that are gone; wait until that is known of each.

        A worker on this machine is known at once, of others one must see a beat. So a search that
        goes on after its machine was started anew first waits for `PATIENCE`, and then repeats
        what was running before it proposes anything.
        """
        while "unknown" in self.put_back_lost() and not stop.requested:
            self._ended.wait(POLL)

    def wait(self) -> None:
        """Let some time pass for others to end their trials, and put back what is lost."""
        self._ended.wait(POLL)
        self.put_back_lost()

    def put_back_lost(self) -> set[Life]:
        """Put back the running trials of workers that are gone; return what the others are."""
        found: set[Life] = set()
        for study, trial, state in self._look():
            if state == "gone":
                log.warning(
                    "%s trial %d: its worker %s is gone; the trial is put back",
                    study.study_name,
                    trial.number,
                    trial.user_attrs.get(WORKER),
                )
                put_back(study, id_of(trial), lost=True)
            else:
                found.add(state)
        if self._clock() - self._mended > leases.BEAT_EVERY:
            repeat_lost_places(self._run.search)
            self._mended = self._clock()
        return found

    def _look(self) -> "list[tuple[optuna.Study, FrozenTrial, Life]]":
        """Look at every running trial that this worker does not hold."""
        with self._looking:
            running = [
                (study, trial)
                for study in (self._run.parents, self._run.search)
                for trial in running_trials(study)
                if self._held is None or (self._held[1] != id_of(trial))
            ]
            self._watch.forget({id_of(trial) for _, trial in running})
            return [(study, trial, self._life(trial)) for study, trial in running]

    def _life(self, trial: "FrozenTrial") -> Life:
        kept = trial.user_attrs
        worker = Worker.parse(str(kept.get(WORKER) or kept.get(CLAIM)))
        if worker is not None and worker.token == self.worker.token:
            return "gone"  # this worker's own, but it does not run it: telling the storage failed
        known, watched = life(worker), self._watch.look(id_of(trial), kept.get(BEAT))
        return known if known == "gone" or watched == "unknown" else watched

    def _beat(self) -> None:
        for beat in count(1):
            if self._ended.wait(leases.BEAT_EVERY):
                return
            try:
                if held := self._held:
                    mark(*held, BEAT, beat)
                self._look()
            except UpdateFinishedTrialError:
                log.info("no beat: the trial has just ended, or another worker put it back")
            except Exception as error:  # the storage is away: no reason to end the search
                log.warning("no beat: %s: %s", type(error).__name__, error)


def running_trials(study: "optuna.Study") -> "list[FrozenTrial]":
    """Return the trials that are running, of whatever worker."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
