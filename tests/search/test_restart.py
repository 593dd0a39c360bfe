"""After a restart of the machine: on every storage the trial that was running is tried again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import postgres
import pytest
from fake_search import TELLTALE, Fake, Watcher, open_fake
from killable import close_databases, opened

from optimerge.records import lease as leases
from optimerge.records.attributes import place
from optimerge.records.lease import BEAT, Watch, Worker, new_worker
from optimerge.search import lease as search_leases
from optimerge.search.budget import Stop, make_budget
from optimerge.search.lease import Lease
from optimerge.search.next_trial import begin_next
from optimerge.search.proposer import Proposer
from optimerge.search.session import Session
from optimerge.search.study import search
from optimerge.search.tell import LOST_TOO_OFTEN

BEFORE = replace(new_worker(), machine="0123456789ab")
"""A worker of this host before it was started anew: its boot has another mark."""
needs_server = pytest.mark.skipif(postgres.missing(), reason=postgres.NEEDS)


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as made:
        yield made


@pytest.fixture(
    params=[
        "journal",
        "sqlite",
        pytest.param("postgresql", marks=(needs_server, pytest.mark.slow)),
    ]
)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    kind = request.param
    if kind == "postgresql":
        made: postgres.Server = request.getfixturevalue("server")
        yield made.database()
    else:
        yield f"sqlite:///{tmp_path}/study.db" if kind == "sqlite" else f"{tmp_path}/journal"
    close_databases()


def session_of(where: str, worker: Worker | None = None) -> Session:
    storage: Any = opened(where)
    return replace(open_fake(storage, Fake()), worker=worker or new_worker())


def begun(session: Session) -> Any:
    found = begin_next(session, Proposer(TELLTALE[False]), Stop(), print)
    assert found is not None
    return found


class Ticking:
    """A monotonic clock that goes on by a second whenever somebody looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put back what is lost, as a search does before its first trial."""
    monkeypatch.setattr(search_leases, "POLL", 0.0)

    def do(session: Session) -> float:
        clock = Ticking()
        with Lease(session.run, session.worker, Watch(clock)) as lease:
            lease.settle(Stop())
        return clock.now

    return do


def test_what_was_running_is_tried_again_twice_and_then_failed(where: str, settled: Any) -> None:
    session, stop = session_of(where), Stop()
    search(session, make_budget(6, None), TELLTALE[False], stop, Watcher(stop, None))
    lost = [begun(session_of(where, BEFORE))]
    for _ in range(2):
        now = session_of(where)
        waited = settled(now)
        assert waited >= leases.PATIENCE  # that the old worker is gone is not known at once
        lost.append(begun(session_of(where, BEFORE)))
        assert lost[-1].params == lost[0].params
        assert place(now.run.search.trials[-1]) == lost[0].trial.number
    now = session_of(where)
    settled(now)
    [failed] = [t for t in now.run.trials() if dict(t.params) == dict(lost[0].params)]
    assert (failed.state, failed.error) == ("failed", LOST_TOO_OFTEN)
    assert now.run.finished() == 7
    assert begun(now).params != lost[0].params


def test_who_only_beats_from_elsewhere_is_left_alone(where: str) -> None:
    session, stop = session_of(where), Stop()
    search(session, make_budget(6, None), TELLTALE[False], stop, Watcher(stop, None))
    far, mine, clock = session_of(where, BEFORE), session_of(where), Ticking()
    held = begun(far)
    lease = Lease(mine.run, mine.worker, Watch(clock))
    for beat in range(40):
        far.run.search._storage.set_trial_user_attr(held.trial._trial_id, BEAT, beat)
        clock.now += 10
        assert lease.put_back_lost() == {"alive" if beat else "unknown"}
