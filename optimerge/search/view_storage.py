"""The storage that a sampler is shown: Optuna's in memory, which takes trials over as they are."""

import copy
from collections.abc import Sequence

from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial


class ViewStorage(InMemoryStorage):
    """Holds the trials of a view without a copy or a check of each, which takes Optuna long.

    Optuna replaces what it changes and leaves ended trials alone, so they may be shared.
    """

    def hold(self, study_id: int, trials: Sequence[FrozenTrial]) -> None:
        """Take trials over for a study, as its first; they are numbered in their order."""
        assert self._max_trial_id < 0
        held = list(trials)
        for index, trial in enumerate(held):
            if trial.number != index or trial._trial_id != index:
                held[index] = _numbered(trial, index)
        self._studies[study_id].trials = held
        self._trial_id_to_study_id_and_number = _Held(study_id, len(held))
        self._max_trial_id = len(held) - 1
        if len(self.get_study_directions(study_id)) == 1:
            for index in range(len(held)):
                self._update_cache(index, study_id)


class _Held(dict[int, tuple[int, int]]):
    """Study and number by id: of the first ids the number is the id, so that none need be kept.

    Ten thousand small tuples, made and dropped at every proposal, keep Python's collector busy.
    """

    def __init__(self, study_id: int, count: int) -> None:
        super().__init__()
        self._study_id, self._count = study_id, count

    def __contains__(self, trial_id: object) -> bool:
        held = isinstance(trial_id, int) and 0 <= trial_id < self._count
        return held or super().__contains__(trial_id)

    def __missing__(self, trial_id: int) -> tuple[int, int]:
        if trial_id not in self:
            raise KeyError(trial_id)
        return self._study_id, trial_id


def _numbered(trial: FrozenTrial, number: int) -> FrozenTrial:
    """Return the trial with another number; those of `seen.make_view` have theirs already."""
    found = copy.copy(trial)
    found.number = found._trial_id = number
    return found
