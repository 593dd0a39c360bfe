"""What goes past Optuna's public names stands in one file, and does what it says."""

import re
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

import optimerge
from optimerge.records.optuna_access import (
    begin_running,
    id_of,
    mark,
    note_in_study,
    note_in_trial,
    set_state,
    study_notes,
    trial_of,
)

PACKAGE = Path(optimerge.__file__).parent
KNOWING = {"records/optuna_access.py", "search/view_storage.py"}
PRIVATE = re.compile(r"(?<!self)\._(storage|study_id|trial_id)\b(?! import)")


def test_only_one_file_and_a_storage_of_our_own_know_private_names() -> None:
    found = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if PRIVATE.search(file.read_text())
    }
    assert found == KNOWING


@pytest.fixture
def study() -> optuna.Study:
    made = optuna.create_study()
    made.add_trial(optuna.create_trial(state=TrialState.FAIL))
    return made


def test_a_trial_is_begun_whole(study: optuna.Study) -> None:
    begun = begin_running(study, {"a": 1}, {"x": 0.5}, {"x": FloatDistribution(0, 1)}, {"b": 2})
    stored = trial_of(study, id_of(begun))
    assert (stored.number, stored.state) == (1, TrialState.RUNNING)
    assert (stored.params, stored.user_attrs, stored.system_attrs) == (
        {"x": 0.5},
        {"a": 1},
        {"b": 2},
    )
    study.tell(begun, 1.0)
    assert study.best_trial.number == 1


def test_marks_and_notes_are_read_back_until_the_trial_has_ended(study: optuna.Study) -> None:
    begun = begin_running(study, {})
    mark(study, id_of(begun), "beat", 3)
    note_in_trial(study, begun, "queue", [1])
    note_in_study(study, "last", "x")
    stored = trial_of(study, id_of(begun))
    assert (stored.user_attrs, stored.system_attrs) == ({"beat": 3}, {"queue": [1]})
    assert study_notes(study)["last"] == "x"
    assert set_state(study, id_of(begun), TrialState.FAIL)
    with pytest.raises(UpdateFinishedTrialError):
        mark(study, id_of(begun), "beat", 4)
