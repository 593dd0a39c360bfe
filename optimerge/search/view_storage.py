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
        held = [_numbered(trial, index) for index, trial in enumerate(trials)]
        self._studies[study_id].trials = held
        self._trial_id_to_study_id_and_number = {n: (study_id, n) for n in range(len(held))}
        self._max_trial_id = len(held) - 1
        if len(self.get_study_directions(study_id)) == 1:
            for index in range(len(held)):
                self._update_cache(index, study_id)


def _numbered(trial: FrozenTrial, number: int) -> FrozenTrial:
    """Return the trial with its number, which those of `seen.make_view` have already."""
    if trial.number == number and trial._trial_id == number:
        return trial
    found = copy.copy(trial)
    found.number = found._trial_id = number
    return found
