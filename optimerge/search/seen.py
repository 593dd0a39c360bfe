"""A study as a sampler is to see it: raced-out trials count, with the scores they got to."""

import copy
from collections.abc import Container
from typing import TYPE_CHECKING

from optuna.study import Study
from optuna.trial import TrialState

from optimerge.records.attributes import partial_values
from optimerge.records.types import Direction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import FrozenTrial


class SeenStudy(Study):
    """The same study in the same storage, but for what `get_trials` says of raced-out trials.

    Optuna's samplers pass over pruned trials of several objectives, or take them for failures:
    yet half of the items told much about that point. Here they are complete, with estimates for
    values. A trial without an estimate for each objective stays as it is.
    """

    def __init__(self, study: Study, objectives: "Mapping[str, Direction]") -> None:
        super().__init__(study.study_name, study._storage, study.sampler)
        self._objectives = objectives

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,
    ) -> "list[FrozenTrial]":
        stored = super()._get_trials(deepcopy=deepcopy, states=None, use_cache=use_cache)
        seen = [self._as_seen(trial) for trial in stored]
        return seen if states is None else [trial for trial in seen if trial.state in states]

    def _as_seen(self, trial: "FrozenTrial") -> "FrozenTrial":
        if trial.state is not TrialState.PRUNED:
            return trial
        values = partial_values(trial, self._objectives)
        if values is None:
            return trial
        seen = copy.copy(trial)
        seen.state, seen.values = TrialState.COMPLETE, values
        return seen
