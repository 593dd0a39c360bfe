"""Optuna's gRPC proxy of a storage, that waits where the proxy is away: see `records.away`.

An operation in the middle of which the proxy was lost may have been done, and is done again, so
that it is done once. What the proxy's own database comes to is the proxy's affair: it answers, and
the search ends.
"""

import logging
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import grpc
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import GrpcStorageProxy
from optuna.trial import FrozenTrial, TrialState

from optimerge.records import away
from optimerge.records.optuna_access import id_of

log = logging.getLogger(__name__)

_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


class PatientProxy(GrpcStorageProxy):
    """A client that waits."""

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Set a trial's state; where that was done, but not heard of, it is no error."""
        waited = _Waited()
        while True:
            try:
                return bool(super().set_trial_state_values(trial_id, state, values))
            except UpdateFinishedTrialError:
                if not waited or self.get_trial(trial_id).state is not state:
                    raise
                return True
            except grpc.RpcError as error:
                waited.wait(error)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Make a trial, or find the one that was made and not heard of."""
        waited = _Waited()
        while True:
            try:
                if waited and (made := away.made_already(self, study_id, template_trial)):
                    return id_of(made)
                return int(super().create_new_trial(study_id, template_trial))
            except grpc.RpcError as error:
                waited.wait(error)


class _Waited:
    """How long the proxy has been away; true once it was."""

    def __init__(self) -> None:
        self._since: float | None = None

    def __bool__(self) -> bool:
        return self._since is not None

    def wait(self, error: grpc.RpcError) -> None:
        """Wait a moment; raise the error if it is another, or it has been too long."""
        if error.code() not in _AWAY:
            raise error
        now = time.monotonic()
        if self._since is None:
            self._since = now
            log.warning("the storage proxy is away; waiting for it (%s)", error.code().name)
        if now - self._since > away.AWAY:
            raise error
        time.sleep(away.PAUSE)


def _again(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def patient(*arguments: Any, **named: Any) -> Any:
        waited = _Waited()
        while True:
            try:
                return method(*arguments, **named)
            except grpc.RpcError as error:
                waited.wait(error)

    return patient


_OWN = ("set_trial_param", "get_trial_id_from_study_id_trial_number")
for _name in (*away.REPEATABLE, *_OWN):
    setattr(PatientProxy, _name, _again(getattr(GrpcStorageProxy, _name)))
