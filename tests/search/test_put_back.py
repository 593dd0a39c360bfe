"""Trials whose workers are gone are put back, by whoever looks, and tried again twice at most."""

import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from fake_search import TELLTALE, Fake, Journal, KilledError, fake_search, open_fake, told
from optuna.trial import TrialState

from optimerge.records import lease as leases
from optimerge.records.attributes import is_withdrawn, origin_of, place
from optimerge.records.lease import BEAT, WORKER, Watch, new_worker
from optimerge.records.run import Run
from optimerge.search import lease as search_leases
from optimerge.search.begin import any_waiting, begin_waiting, claimed
from optimerge.search.beside import begin_beside
from optimerge.search.budget import Stop, make_budget
from optimerge.search.distributions import space_distributions
from optimerge.search.lease import Lease, running_trials
from optimerge.search.next_trial import begin_next, others_run
from optimerge.search.places import holes, superseded
from optimerge.search.proposer import Proposer
from optimerge.search.session import Session
from optimerge.search.study import search
from optimerge.search.tell import LOST_TOO_OFTEN, put_back

FAR = replace(new_worker(), machine="elsewhere", host="far")
"""A worker on another machine."""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def journal() -> Journal:
    """A run in which 8 trials are done."""
    made = Journal()
    fake_search(made, TELLTALE[False], 8)
    return made


def session_of(journal: Journal, worker: Any = None) -> Session:
    return replace(open_fake(journal, Fake()), worker=worker or new_worker())


def begun(session: Session) -> Any:
    found = begin_next(session, Proposer(TELLTALE[False]), Stop(), print)
    assert found is not None
    return found


def states(run: Run) -> list[tuple[str, str]]:
    return [(t.state, t.error) for t in run.trials()[8:]]


def test_a_trial_of_a_worker_elsewhere_is_put_back_when_its_beat_stands_still(
    journal: Journal,
) -> None:
    far, mine, clock = session_of(journal, FAR), session_of(journal), Clock()
    lost = begun(far)
    assert others_run(mine) == 1
    with Lease(mine.run, mine.worker, Watch(clock)) as lease:
        for beat in range(5):
            far.run.search._storage.set_trial_user_attr(lost.trial._trial_id, BEAT, beat)
            clock.now += 10
            assert lease.put_back_lost() == {"alive" if beat else "unknown"}
        for _ in range(6):
            assert others_run(mine) == 1
            clock.now += 10
            lease.put_back_lost()
        assert others_run(mine) == 0
    again = begun(mine)
    assert again.params == lost.params
    assert place(mine.run.search.trials[-1]) == lost.trial.number


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_a_clock_that_is_set_puts_nothing_back(journal: Journal, jump: float) -> None:
    far, mine, clock = session_of(journal, FAR), session_of(journal), Clock()
    begun(far)
    lease = Lease(mine.run, mine.worker, Watch(clock))
    for _ in range(3):
        lease.put_back_lost()
        clock.now += jump
    assert others_run(mine) == 1


def test_two_who_look_on_at_once_put_it_back_once(journal: Journal) -> None:
    """Each step of one comes between two of the other's, in every order that matters."""
    lost = begun(session_of(journal))
    one, two = session_of(journal), session_of(journal)
    stale = [s.run.search._storage.get_trial(lost.trial._trial_id) for s in (one, two)]
    assert [t.state.name for t in stale] == ["RUNNING"] * 2
    put_back(one.run.search, lost.trial._trial_id, lost=True)
    put_back(two.run.search, lost.trial._trial_id, lost=True)
    waiting = [t for t in one.run.search.trials if t.state.name == "WAITING"]
    assert [place(t) for t in waiting] == [lost.trial.number]


def test_of_two_repeats_of_a_place_one_is_run_also_if_both_are_begun(journal: Journal) -> None:
    one, two = session_of(journal), session_of(journal)
    lost = begun(one)
    put_back(one.run.search, lost.trial._trial_id)
    [waiting] = [t for t in one.run.search.trials if t.state.name == "WAITING"]
    one.run.search.add_trial(waiting)  # another looker's, that came at the same time
    first = begin_waiting(one.run.search, one.space, one.worker)
    second = begin_waiting(two.run.search, two.space, two.worker)
    assert first is not None
    assert first[1] == lost.params
    assert second is None
    kept = [t for t in two.run.search.trials if place(t) == lost.trial.number]
    assert [is_withdrawn(t) for t in kept] == [True, False, True]
    assert holes(two.run.search) == []


def test_workers_that_look_and_begin_in_threads_run_every_place_once(journal: Journal) -> None:
    lost = [begun(session_of(journal, FAR)) for _ in range(4)]
    sessions = [session_of(journal) for _ in range(4)]
    ran: list[Any] = []
    start = threading.Barrier(4)

    def work(session: Session) -> None:
        start.wait()
        for each in lost:
            put_back(session.run.search, each.trial._trial_id, lost=True)
        while found := begin_waiting(session.run.search, session.space, session.worker):
            ran.append(found[1])
            session.run.search.tell(found[0], [1.0, 1.0])

    threads = [threading.Thread(target=work, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, ran)) == sorted(str(each.params) for each in lost)


def test_a_place_is_tried_again_twice_and_then_failed_with_the_reason(journal: Journal) -> None:
    mine = session_of(journal)
    params = []
    for _ in range(3):
        lost = begun(mine)
        params.append(lost.params)
        put_back(mine.run.search, lost.trial._trial_id, lost=True)
    assert params[0] == params[1] == params[2]
    assert states(mine.run) == [("failed", LOST_TOO_OFTEN)]
    assert mine.run.finished() == 9
    assert begun(mine).params != params[0]


def test_interruptions_by_the_user_do_not_count(journal: Journal) -> None:
    mine = session_of(journal)
    for number in range(6):
        lost = begun(mine)
        put_back(mine.run.search, lost.trial._trial_id, lost=number in (0, 3))
    assert states(mine.run) == [("waiting", "")]


def test_a_parent_is_tried_again_twice(journal: Journal) -> None:
    mine = session_of(Journal())
    for number in range(3):
        trial = begin_beside(mine, "expert:a")
        put_back(mine.run.parents, trial._trial_id, lost=True)
        assert number == 2 or mine.run.trials() == []
    [kept] = mine.run.trials()
    assert (kept.origin, kept.state, kept.error) == ("expert:a", "failed", LOST_TOO_OFTEN)


def test_a_put_back_that_was_killed_half_way_is_finished_by_the_next(journal: Journal) -> None:
    wanted = None
    for lines in range(12):
        cut = Journal()
        cut.lines = list(journal.lines)
        mine = session_of(cut)
        lost = begun(mine)
        cut.left = lines
        with suppress(KilledError):
            put_back(mine.run.search, lost.trial._trial_id, lost=True)
        cut.left = None
        run = fake_search(cut, TELLTALE[False], 9)
        wanted = wanted or told(fake_search(_copy(journal), TELLTALE[False], 9))
        assert told(run) == wanted, lines


def _copy(journal: Journal) -> Journal:
    made = Journal()
    made.lines = list(journal.lines)
    return made


def test_a_point_that_two_had_wait_is_not_repeated_for_the_second(journal: Journal) -> None:
    """Who was lost had claimed it, and not seen yet that another one has run it."""
    study = open_fake(journal, Fake()).run.search
    first = next(t for t in study.trials if origin_of(t).startswith("warm:"))
    study.enqueue_trial(first.params)
    [second] = study.get_trials(states=(TrialState.WAITING,))
    assert claimed(study, second, FAR)
    put_back(study, second._trial_id, lost=True)
    assert not any_waiting(study)
    put_back(study, begun(session_of(journal, FAR)).trial._trial_id, lost=True)
    assert any_waiting(study)  # of a point that nobody has run


def test_what_a_worker_tells_of_a_trial_that_was_put_back_is_not_recorded(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = session_of(journal)
    calls = []

    def taken(self: Fake, recipe: Any) -> Any:
        calls.append(recipe)
        if len(calls) == 1:
            other = session_of(journal)
            [trial] = running_trials(other.run.search)
            put_back(other.run.search, trial._trial_id, lost=True)
        return plain(self, recipe)

    plain = Fake.apply
    monkeypatch.setattr(Fake, "apply", taken)
    seen: list[Any] = []
    watcher: Any = type("W", (), {"trial": lambda self, trial: seen.append(trial)})()
    search(mine, make_budget(9, None), TELLTALE[False], Stop(), watcher)
    assert len(seen) == 1
    assert len(calls) == 2
    assert told(mine.run) == told(fake_search(_copy_without(journal), TELLTALE[False], 9))


def _copy_without(journal: Journal) -> Journal:
    made = Journal()
    fake_search(made, TELLTALE[False], 8)
    return made


def test_a_worker_beats_for_the_trial_that_it_holds(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "BEAT_EVERY", 0.01)
    mine = session_of(journal)
    trial = begun(mine).trial
    with Lease(mine.run, mine.worker) as lease, lease.holding(mine.run.search, trial._trial_id):
        deadline = time.monotonic() + 60
        while mine.run.search.trials[-1].user_attrs.get(BEAT, 0) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert mine.run.search.trials[-1].user_attrs[WORKER] == str(mine.worker)


def test_before_its_first_trial_a_search_waits_until_it_knows_who_lives(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart of the machine: the trial that was running comes first again."""
    monkeypatch.setattr(search_leases, "POLL", 0.0)
    clock = Clock()

    def ticking() -> float:
        clock.now += 1.0
        return clock.now

    lost = begun(session_of(journal, FAR))
    mine = session_of(journal)
    with Lease(mine.run, mine.worker, Watch(ticking)) as lease:
        lease.settle(Stop())
    assert clock.now >= leases.PATIENCE
    assert begun(mine).params == lost.params


def test_a_point_that_another_worker_has_just_begun_is_not_run_twice(journal: Journal) -> None:
    one, two = session_of(journal), session_of(journal)
    first = begun(one)
    study = two.run.search
    twin = study._storage.create_new_trial(study._study_id, study.trials[-1])
    assert superseded(study, two.space, study._storage.get_trial(twin), first.trial.number)
    other = begun(two)
    assert other.params != first.params


def test_a_waiting_point_that_another_worker_is_just_taking_up_is_not_run_twice(
    journal: Journal,
) -> None:
    """Parameters of what waited are written one by one: there are moments with some of them."""
    one, two = session_of(journal), session_of(journal)
    study, storage = one.run.search, one.run.search._storage
    point = {"merge_method": "linear", "a.weight": 0.123, "b.weight": 0.456}
    study.enqueue_trial(point)
    study.enqueue_trial(point)  # of another one, who enqueued it at the same time
    first, second = study.get_trials(states=(TrialState.WAITING,))
    assert claimed(study, first, one.worker)
    for name, distribution in space_distributions(one.space).items():
        assert superseded(two.run.search, two.space, second)
        if name in point:
            internal = distribution.to_internal_repr(point[name])
            storage.set_trial_param(first._trial_id, name, internal, distribution)
    assert begin_waiting(two.run.search, two.space, two.worker) is None


def test_a_trial_told_while_it_is_put_back_counts_once(journal: Journal) -> None:
    """The looker has marked it, and then its worker tells it."""
    mine = session_of(journal)
    trial = begun(mine).trial
    storage = mine.run.search._storage
    storage.set_trial_user_attr(trial._trial_id, "was", "warm:x")
    storage.set_trial_user_attr(trial._trial_id, "origin", "withdrawn")
    mine.run.search.tell(trial, [1.0, 1.0])
    put_back(mine.run.search, trial._trial_id, lost=True)
    [kept] = mine.run.trials()[8:]
    assert (kept.state, kept.origin) == ("complete", "warm:x")
    assert origin_of(storage.get_trial(trial._trial_id)) == "warm:x"
