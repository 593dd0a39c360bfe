"""The run folder: one journal that survives a torn end, and is read without being written."""

import os
from pathlib import Path

import pytest

from optimerge.cli.status import describe
from optimerge.errors import RunError
from optimerge.records.activity import activity
from optimerge.records.attributes import trial_attributes
from optimerge.records.keys import FORMAT, JOURNAL
from optimerge.records.run import (
    Run,
    RunInfo,
    create_run,
    find_trial,
    make_writable,
    mend_journal,
    open_run,
)
from optimerge.records.types import MergeStats, Score

INFO = RunInfo(
    space="merge_method: ties\n",
    space_file="/somewhere/space.yaml",
    digest="d",
    objectives={"task": "maximize", "size": "minimize"},
    layers=4,
    seed=0,
    exact=False,
    items={"task": "abc"},
    versions={"optimerge": "0"},
)
STATS = MergeStats(0.5, 100, 25, 3.0, 1.0)


def scores(value: float) -> dict[str, Score]:
    return {
        "task": Score(value, 0.02, 50, "maximize", 1.5),
        "size": Score(0.25, 0.0, 0, "minimize", 0.0),
    }


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Power is not cut here, and some disks take their time."""
    monkeypatch.setattr(os, "fsync", lambda file: None)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with one parent and five finished trials."""
    made = create_run(tmp_path / "run", INFO)
    for study, origin, count in ((made.parents, "base", 1), (made.search, "sampler", 5)):
        for i in range(count):
            asked = study.ask()
            asked.suggest_float("x", 0, 1)
            kept = trial_attributes(origin, f"recipe {i}", scores(i / 10), STATS, {"merge": 0.5})
            for key, value in kept.items():
                asked.set_user_attr(key, value)
            study.tell(asked, [s.value for s in scores(i / 10).values()])
    return made


def test_what_was_written_reads_back(run: Run) -> None:
    opened = open_run(run.folder)
    assert opened.info == INFO
    trials = opened.trials()
    assert [t.name for t in trials] == ["base", "0", "1", "2", "3", "4"]
    assert trials[3].scores == scores(0.2)
    assert trials[3].stats == STATS
    assert trials[3].recipe == "recipe 2"
    assert opened.finished() == 6


def test_reading_leaves_the_folder_as_it_was(run: Run) -> None:
    before = {p.name: p.read_bytes() for p in run.folder.iterdir()}
    opened = open_run(run.folder)
    opened.trials()
    activity(opened)
    assert {p.name: p.read_bytes() for p in run.folder.iterdir()} == before


def test_a_last_line_torn_at_any_byte_costs_no_finished_trial(run: Run) -> None:
    journal = run.folder / JOURNAL
    whole = journal.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    lost = len(whole) - ends[-3]
    for cut in range(ends[-3], len(whole)):
        journal.write_bytes(whole[:cut])
        mended = mend_journal(run.folder)
        assert mended == cut - max(e for e in ends if e <= cut)
        assert open_run(run.folder).finished() >= 5
    assert lost > 100


def test_a_whole_journal_needs_no_mending(run: Run) -> None:
    before = (run.folder / JOURNAL).read_bytes()
    assert mend_journal(run.folder) == 0
    assert (run.folder / JOURNAL).read_bytes() == before


def test_a_run_of_another_format_is_refused(run: Run) -> None:
    journal = run.folder / JOURNAL
    journal.write_text(
        journal.read_text()
        .replace(f'"format": {FORMAT}', '"format": 9')
        .replace(f'"format":{FORMAT}', '"format":9')
    )
    with pytest.raises(RunError, match="format 9"):
        open_run(run.folder)


def test_a_journal_that_was_never_filled_is_refused(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).touch()
    with pytest.raises(RunError, match="never started"):
        open_run(tmp_path)


def test_trials_are_found_by_number_and_parents_by_name(run: Run) -> None:
    assert find_trial(run, "3").recipe == "recipe 3"
    assert find_trial(run, "base").is_parent
    with pytest.raises(RunError, match="did you mean 'base'"):
        find_trial(run, "bass")


def test_activity_tells_a_lock_that_is_held(run: Run) -> None:
    from optimerge.search.lock import sole_writer

    assert not activity(run).running
    with sole_writer(run.folder):
        assert activity(run).running
    assert not activity(run).running
    assert activity(run).seconds_per_trial == 0.5
    assert (activity(run).proposing, activity(run).waiting) == (None, None)


def test_a_proposal_made_beside_the_scoring_takes_no_time_of_its_own(run: Run) -> None:
    asked = run.search.ask()
    seconds = {"propose": 20.0, "wait": 0.25, "merge": 1.0, "score": 2.0, "answer": 1.5}
    for key, value in trial_attributes("sampler", "", scores(0.5), STATS, seconds).items():
        asked.set_user_attr(key, value)
    run.search.tell(asked, [s.value for s in scores(0.5).values()])
    assert run.trials()[-1].elapsed == 3.25
    assert (activity(run).proposing, activity(run).waiting) == (20.0, 0.25)
    assert "proposing: 20 s a trial, for which the search waits 0.2 s" in describe(run)


def test_what_was_interrupted_stands_in_its_old_place_when_it_is_repeated(run: Run) -> None:
    again = run.search.ask()
    again.set_user_attr("place", 1)
    assert [t.number for t in run.trials()[1:]] == [0, 1, again.number, 2, 3, 4]


def test_a_folder_in_place_of_which_a_file_stands_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        make_writable(tmp_path / "file" / "run")
