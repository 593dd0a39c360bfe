"""The storage that a sampler is shown: Optuna's in memory, which takes trials over as they are."""

from collections.abc import Sequence

from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial


class ViewStorage(InMemoryStorage):
    """Holds the trials of a view without a copy or a check of each, which takes Optuna long.

    Optuna replaces what it changes and leaves ended trials alone, so they may be shared.
    """

    def hold(self, study_id: int, trials: Sequence[FrozenTrial]) -> None:
        """Take trials over for a study that has none, in the only study; ValueError otherwise.

        Their numbers and ids must be 0, 1, 2, ..., as `seen.make_view` gives them.
        """
        if self._max_trial_id >= 0 or any(
            trial.number != index or trial._trial_id != index for index, trial in enumerate(trials)
        ):
            raise ValueError("trials of a view are numbered from 0, and put into an empty storage")
        self._studies[study_id].trials = list(trials)
        self._trial_id_to_study_id_and_number = {n: (study_id, n) for n in range(len(trials))}
        self._max_trial_id = len(trials) - 1
        if len(self.get_study_directions(study_id)) == 1:
            for trial in trials:
                self._update_cache(trial._trial_id, study_id)
