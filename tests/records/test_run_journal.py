"""The journal's lists are Optuna's own, at every moment; a trial's end is written in one piece."""

import os
import random
import threading
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import JournalStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from optimerge.records.run_journal import RunJournal, together
from optimerge.records.shared_journal import SharedJournal

RUNNING, WAITING, COMPLETE, FAIL = (
    TrialState.RUNNING, TrialState.WAITING, TrialState.COMPLETE, TrialState.FAIL,
)  # fmt: skip


@pytest.fixture(autouse=True)
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The files that are put on the disk; none is."""
    files: list[int] = []
    monkeypatch.setattr(os, "fsync", files.append)
    return files


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "study.journal"
    for name in ("one", "two"):
        RunJournal(SharedJournal(made)).create_new_study([StudyDirection.MAXIMIZE], name)
    return made


def journal(path: Path) -> RunJournal:
    return RunJournal(SharedJournal(path))


def template(state: TrialState) -> FrozenTrial:
    value = 0.5 if state is COMPLETE else None
    return optuna.trial.create_trial(state=state, value=value)


def begun(storage: Any) -> int:
    return int(storage.create_new_trial(0, template(RUNNING)))


def one_step(storage: Any, known: dict[int, TrialState], rng: random.Random) -> None:
    """Something that a worker may do: begin, take up, mark, end."""
    left = [trial for trial, state in known.items() if not state.is_finished()]
    if not left or rng.random() < 0.4:
        state = rng.choice([RUNNING, WAITING, COMPLETE])
        known[storage.create_new_trial(rng.randrange(2), template(state))] = state
        return
    trial = rng.choice(left)
    storage.set_trial_user_attr(trial, "beat", rng.randrange(100))
    if known[trial] is WAITING:
        storage.set_trial_state_values(trial, RUNNING)
        known[trial] = RUNNING
    elif rng.random() < 0.6:
        known[trial] = rng.choice([COMPLETE, FAIL])
        storage.set_trial_state_values(
            trial, known[trial], [0.5] if known[trial] is COMPLETE else None
        )


@pytest.mark.parametrize("seed", range(5))
def test_at_every_step_of_several_writers_the_lists_are_those_of_optunas_own_storage(
    path: Path, seed: int
) -> None:
    rng, known = random.Random(seed), dict[int, TrialState]()
    mine, other, plain = journal(path), journal(path), JournalStorage(SharedJournal(path))
    wanted: list[tuple[TrialState, ...] | None] = [
        None, (RUNNING,), (WAITING,), (WAITING, RUNNING), (COMPLETE,), (FAIL, RUNNING), (),
    ]  # fmt: skip
    for _ in range(80):
        one_step(rng.choice([mine, other, plain]), known, rng)
        for study in (0, 1):
            for states in wanted:
                found = mine.get_all_trials(study, deepcopy=rng.random() < 0.2, states=states)
                assert found == plain.get_all_trials(study, deepcopy=False, states=states)
                found.clear()  # the caller's own
    assert sum(state.is_finished() for state in known.values()) > 20


def test_a_study_that_is_not_there_is_none(path: Path) -> None:
    with pytest.raises(KeyError):
        journal(path).get_all_trials(7)


def test_ended_trials_are_looked_at_once_however_often_is_asked(path: Path) -> None:
    class Looked(dict[int, FrozenTrial]):
        count = 0

        def __getitem__(self, key: int) -> FrozenTrial:
            self.count += 1
            return super().__getitem__(key)

    storage = journal(path)
    for _ in range(50):
        storage.create_new_trial(0, template(COMPLETE))
    last = begun(storage)
    looked = storage._replay_result._trials = Looked(storage._replay_result._trials)
    storage.get_all_trials(0, deepcopy=False)
    assert looked.count >= 51
    before = looked.count
    for states in (None, (RUNNING,), (WAITING,)):
        assert len(storage.get_all_trials(0, deepcopy=False, states=states)) in (51, 1, 0)
    assert looked.count - before <= 6  # the one that runs, and whether it still does
    storage.set_trial_state_values(last, FAIL)
    assert storage.get_all_trials(0, deepcopy=False)[-1].state is FAIL


def test_a_trials_end_is_one_write_to_the_disk_and_seen_whole_or_not_at_all(
    path: Path, synced: list[int]
) -> None:
    mine, other = journal(path), journal(path)
    study = optuna.load_study(study_name="one", storage=mine)
    trial = optuna.Trial(study, begun(mine))
    size = path.stat().st_size
    synced.clear()
    with together(study):
        trial.set_user_attr("recipe", "r")
        trial.set_constraint("t", -1.0)
        assert path.stat().st_size == size
        assert other.get_trial(trial._trial_id).user_attrs == {}
        told = study.tell(trial, 0.5)
    assert len(synced) == 1
    for found in (told, other.get_trial(trial._trial_id), mine.get_trial(trial._trial_id)):
        assert (found.state, found.values) == (COMPLETE, [0.5])
        assert found.user_attrs == {"recipe": "r"}
        assert dict(found.constraints) == {"t": -1.0}
    mine.set_study_user_attr(0, "after", 1)
    assert other.get_study_user_attrs(0) == {"after": 1}


def test_of_a_block_that_is_left_nothing_is_written_and_the_next_one_is(path: Path) -> None:
    mine = journal(path)
    trial = begun(mine)
    with pytest.raises(KeyboardInterrupt), mine.together():
        mine.set_trial_user_attr(trial, "lost", 1)
        raise KeyboardInterrupt
    mine.set_trial_user_attr(trial, "at once", 2)
    assert journal(path).get_trial(trial).user_attrs == {"at once": 2}
    with mine.together():
        mine.set_trial_user_attr(trial, "at the end", 3)
        assert "at the end" not in mine.get_trial(trial).user_attrs
    assert journal(path).get_trial(trial).user_attrs == {"at once": 2, "at the end": 3}


def test_another_threads_beat_does_not_wait_for_the_block(path: Path) -> None:
    mine = journal(path)
    trial = begun(mine)
    with mine.together():
        mine.set_trial_user_attr(trial, "recipe", "r")
        beat = threading.Thread(target=mine.set_trial_user_attr, args=(trial, "beat", 1))
        beat.start()
        beat.join()
        assert journal(path).get_trial(trial).user_attrs == {"beat": 1}
    assert journal(path).get_trial(trial).user_attrs == {"beat": 1, "recipe": "r"}


def test_what_cannot_be_written_is_not_half_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = journal(path)
    trial, whole = begun(mine), path.read_bytes()

    def fails(file: int) -> None:
        raise OSError(5, "the disk is broken")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="broken"), mine.together():
        mine.set_trial_user_attr(trial, "recipe", "r")
        mine.set_trial_state_values(trial, COMPLETE, [0.5])
    assert path.read_bytes() == whole
    assert mine.get_trial(trial).state is RUNNING
    monkeypatch.setattr(os, "fsync", lambda file: None)
    mine.set_trial_state_values(trial, FAIL)
    assert journal(path).get_trial(trial).user_attrs == {}


def late(storage: Any, path: Path) -> int:
    """Tell a trial that another one ended in the moment before the write."""
    trial = begun(storage)
    write = storage._backend.append_logs

    def overtaken(logs: list[dict[str, Any]]) -> None:
        journal(path).set_trial_state_values(trial, FAIL)
        storage._backend.append_logs = write
        write(logs)

    storage._backend.append_logs = overtaken
    with pytest.raises(UpdateFinishedTrialError), storage.together():
        for key in "abc":
            storage.set_trial_user_attr(trial, key, 1)
        storage.set_trial_state_values(trial, COMPLETE, [0.5])
    return trial


def test_who_comes_too_late_is_told_once_and_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = journal(path)
    trial = late(mine, path)
    found = mine.get_trial(trial)
    assert (found.state, found.user_attrs) == (FAIL, {})
    again = begun(mine)
    assert [t._trial_id for t in mine.get_all_trials(0, states=(RUNNING,))] == [again]

    monkeypatch.setattr(RunJournal, "_sync_with_backend", JournalStorage._sync_with_backend)
    trial = late(mine, path)
    with pytest.raises(UpdateFinishedTrialError):  # without it, the next who reads would be hit
        mine.get_trial(trial)


def test_other_storages_write_piece_by_piece() -> None:
    study = optuna.create_study()
    trial = study.ask()
    with together(study):
        trial.set_user_attr("recipe", "r")
        assert study.trials[0].user_attrs == {"recipe": "r"}
