"""What other workers do between two looks at a run makes no trial too many, and none twice."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fake_search import TELLTALE, Fake, Journal, fake_search, open_fake

from optimerge.records.attributes import is_withdrawn
from optimerge.records.lease import new_worker
from optimerge.records.run_journal import RunJournal
from optimerge.search.budget import Stop
from optimerge.search.next_trial import Begun, begin_next
from optimerge.search.proposer import Proposer
from optimerge.search.session import Session
from optimerge.search.study import taken
from optimerge.space.points import key_of

DONE = 8
"""Trials of the run that are finished."""


@pytest.fixture
def journal() -> Journal:
    made = Journal()
    fake_search(made, TELLTALE[False], DONE)
    return made


def session_of(journal: Journal) -> Session:
    return replace(open_fake(journal, Fake()), worker=new_worker())


def begun(session: Session) -> Begun:
    found = begin_next(session, Proposer(TELLTALE[False]), Stop(), print)
    assert found is not None
    return found


class Meanwhile(RunJournal):
    """Something happens before a certain list of trials is read."""

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.lists = 0
        self.at: int | None = None
        self.do: Callable[[], object] = lambda: None

    def get_all_trials(self, *arguments: Any, **named: Any) -> Any:
        if self.lists == self.at:
            self.do()
        self.lists += 1
        return super().get_all_trials(*arguments, **named)


def watched(journal: Journal) -> tuple[Session, Meanwhile]:
    storage = Meanwhile(journal)
    return replace(open_fake(storage, Fake()), worker=new_worker()), storage


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("parent", [False, True])
def test_a_trial_that_ends_while_one_counts_is_counted_once(
    journal: Journal, at: int, parent: bool
) -> None:
    other, (mine, storage) = session_of(journal), watched(journal)
    if parent:
        from optimerge.search.beside import begin_beside

        study, trial = other.run.parents, begin_beside(other, "expert:late")
    else:
        study, trial = other.run.search, begun(other).trial
    storage.at, storage.do = at, lambda: study.tell(trial, [1.0, 1.0])
    assert taken(mine) == DONE + 1
    storage.at = None
    assert taken(mine) == DONE + 1


def test_of_what_is_taken_back_or_ones_own_nothing_is_counted(journal: Journal) -> None:
    other, mine = session_of(journal), session_of(journal)
    begun(mine)
    assert taken(mine) == DONE
    assert taken(other) == DONE + 1
    theirs = begun(other).trial
    assert (taken(mine), taken(other)) == (DONE + 1, DONE + 1)  # both see that it is one too many
    other.run.search._storage.set_trial_user_attr(theirs._trial_id, "origin", "withdrawn")
    other.run.search.tell(theirs, state=_fail())
    assert (taken(mine), taken(other)) == (DONE, DONE + 1)


def _fail() -> Any:
    from optuna.trial import TrialState

    return TrialState.FAIL


@pytest.mark.parametrize("at", range(4))  # lists that it reads
def test_a_point_that_another_begins_at_any_moment_of_ones_own_proposal_is_run_once(
    journal: Journal, at: int
) -> None:
    """Both draw the same: the trials that a proposal was made of are old by the time it begins."""
    other, (mine, storage) = session_of(journal), watched(journal)
    storage.lists, storage.at = 0, at
    theirs: list[Begun] = []
    storage.do = lambda: theirs.append(begun(other))
    ours = begun(mine)
    kept = [t for t in mine.run.search.trials if not is_withdrawn(t)]
    points = [key_of(mine.space, t.params) for t in kept if t.params]
    assert len(points) == len(set(points))
    assert key_of(mine.space, ours.params) != key_of(mine.space, theirs[0].params)
    assert {ours.trial.number, theirs[0].trial.number} <= {t.number for t in kept}
