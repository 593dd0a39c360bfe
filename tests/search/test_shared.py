"""Several workers on one run: nothing twice, nothing lost, no more than asked for.

On a journal, on a PostgreSQL server that the tests start, and through Optuna's gRPC proxy.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import postgres
import pytest
from fake_search import TELLTALE, Fake, Journal, fake_search, open_fake, told
from killable import close_databases, opened
from killing import Driver
from optuna.storages import BaseStorage
from proxies import NEEDS_GRPC, Proxy, no_grpc, proxy_of

from optimerge.records.attributes import is_withdrawn, place
from optimerge.records.run import Run
from optimerge.search.lease import running_trials
from optimerge.search.places import LOST, point_of
from optimerge.search.samplers.registry import sampler_named
from optimerge.space.points import key_of

TRIALS = 24


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as made:
        yield made


@pytest.fixture
def drivers() -> Iterator[list[Driver]]:
    made = [Driver() for _ in range(3)]
    yield made
    for driver in made:
        driver.close()


@pytest.fixture
def proxy(server: postgres.Server) -> Iterator[Proxy]:
    """In front of the server: two take one trial of SQLite's at once, through a proxy too."""
    with proxy_of(server.database()) as made:
        yield made


needs_grpc = pytest.mark.skipif(no_grpc(), reason=NEEDS_GRPC)
needs_server = pytest.mark.skipif(postgres.missing(), reason=postgres.NEEDS)


ON_JOURNAL = "journal"
ON_SERVER = pytest.param("postgresql", marks=(needs_server, pytest.mark.slow))
THROUGH_PROXY = pytest.param("grpc", marks=(needs_server, needs_grpc, pytest.mark.slow))
on_two = pytest.mark.parametrize("where", [ON_JOURNAL, ON_SERVER], indirect=True)
everywhere = pytest.mark.parametrize("where", [ON_JOURNAL, ON_SERVER, THROUGH_PROXY], indirect=True)


@pytest.fixture
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the run is kept: the path of a journal, or a URL."""
    if request.param == "journal":
        yield str(tmp_path / "study.journal")
    elif request.param == "grpc":
        made_proxy: Proxy = request.getfixturevalue("proxy")
        yield made_proxy.url
    else:
        made: postgres.Server = request.getfixturevalue("server")
        yield made.database()
    close_databases()


OPEN: list[Any] = []


@pytest.fixture(autouse=True)
def connections_are_closed() -> Iterator[None]:
    """Those of this process: whoever collects one that is open complains of it, tests later."""
    yield
    while OPEN:
        backend = getattr(OPEN.pop(), "_backend", None)
        if hasattr(backend, "engine"):
            backend.remove_session()
            backend.engine.dispose()


def run_of(where: str) -> Run:
    storage: Any = opened(where)
    OPEN.append(storage)
    assert not isinstance(storage, BaseStorage) or "://" in where
    return open_fake(storage, Fake()).run


def all_of(driver: Driver) -> list[str]:
    return list(driver.reports())


def check(run: Run, reported: list[str], trials: int = TRIALS) -> None:
    """Right counts, nothing twice, all there that was reported."""
    space = open_fake(Journal(), Fake()).space
    assert run.finished() == trials
    found = run.trials()
    assert {t.state for t in found} <= {"complete", "failed", "pruned", "waiting"}
    origins = [t.origin for t in found if t.is_parent]
    assert sorted(origins) == ["base", "expert:a", "expert:b"]
    ended = [t for t in found if not t.is_parent and t.state != "waiting"]
    points = Counter(key_of(space, t.params) for t in ended)
    assert max(points.values(), default=1) == 1
    assert len(reported) == len(set(reported)) <= trials
    known = {t.origin for t in found}
    assert {line.partition("|")[0] for line in reported} <= known
    places = Counter(
        place(t) for t in run.search.trials if not is_withdrawn(t) and t.state.name != "WAITING"
    )
    assert max(places.values(), default=1) == 1


@everywhere
@pytest.mark.slow
def test_several_share_the_work_and_the_trials_of_one_that_is_killed(
    drivers: list[Driver], where: str
) -> None:
    pids = [driver.start(where, TRIALS, n, 0.05) for n, driver in enumerate(drivers)]
    victim = drivers[2].reports()
    next(victim)
    with ThreadPoolExecutor(2) as others:
        lines = [others.submit(all_of, driver) for driver in drivers[:2]]
        deadline = time.monotonic() + 300
        run, pause = run_of(where), 0.01
        while not (held := _held_by(run, pids[2])):
            assert time.monotonic() < deadline
            os.kill(pids[2], signal.SIGCONT)
            time.sleep(pause := 1.5 * pause)  # through a proxy a trial is not begun in a moment
            os.kill(pids[2], signal.SIGSTOP)  # so that it still holds this when it is killed
        os.kill(pids[2], signal.SIGKILL)
        list(victim)
        assert drivers[2].code == -9
        for line in lines:
            line.result(300)
    assert [driver.code for driver in drivers[:2]] == [0, 0]
    reported = [line for driver in drivers for line in driver.reported]
    check(run, reported)
    assert all(len(driver.reported) > 1 for driver in drivers[:2])
    lost = [t for t in run.search.trials if LOST in t.user_attrs and is_withdrawn(t)]
    assert {place(t) for t in lost} <= {place(t) for t in held}
    for trial in lost:  # none, if it was told in the moment of the kill
        same = [t for t in run.search.trials if point_of(t) == point_of(trial)]
        [again] = [t for t in same if not is_withdrawn(t)]
        assert again.state.is_finished()
        if place(again) != place(trial):  # two had it wait when the run began
            assert {place(again), place(trial)} <= {t.number for t in same}


def _held_by(run: Run, pid: int) -> list[Any]:
    return [
        trial
        for trial in running_trials(run.search)
        if str(trial.user_attrs.get("worker")).split(":")[1:2] == [str(pid)]
    ]


@pytest.mark.slow
@on_two
def test_the_last_trials_are_not_begun_twice(drivers: list[Driver], where: str) -> None:
    """Many short budgets, one after the other: each is met exactly."""
    for trials in (3, 5, 6, 8, 9, 11):
        for number, driver in enumerate(drivers):
            driver.start(where, trials, number)
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(all_of, drivers))
        check(run_of(where), [line for driver in drivers for line in driver.reported], trials)


def drawn(run: Run) -> dict[str, list[float]]:
    """What a run tried and found, by dimension, objective and end; without starts and parents."""
    ended = [t for t in run.trials() if t.origin == "sampler" and t.state != "waiting"]
    found: dict[str, list[float]] = {name: [] for name in (*DIMENSIONS, "t", "u", "ends")}
    for trial in ended:
        for name in found.keys() & trial.params.keys():
            value = trial.params[name]
            found[name].append(METHODS.index(value) if isinstance(value, str) else float(value))
        if trial.state == "complete":
            for name in ("t", "u"):
                found[name].append(trial.scores[name].value)
        found["ends"].append(ENDS.index(trial.state))
    return found


DIMENSIONS = ("merge_method", "a.weight", "b.weight", "lambda")
METHODS, ENDS = ("linear", "task_arithmetic"), ("complete", "failed", "pruned")
SURE = 1e-4
"""Chance of an alarm where there is nothing, for each of the numbers that are compared."""


def differing(one: dict[str, list[float]], other: dict[str, list[float]]) -> list[str]:
    """Names of what two runs differ in: Kolmogorov and Smirnov's test, each for itself."""
    from scipy.stats import ks_2samp

    return [name for name in one if ks_2samp(one[name], other[name]).pvalue < SURE]


@on_two
@pytest.mark.slow
def test_a_shared_run_comes_to_what_one_worker_comes_to(drivers: list[Driver], where: str) -> None:
    """In distribution, also with a worker that is killed: the sampler draws independently here.

    That the comparison can tell is shown on the same numbers, drawn half as large.
    """
    trials = 120
    pids = [driver.start(where, trials, number) for number, driver in enumerate(drivers)]
    victim = drivers[2].reports()
    for _ in range(10):
        next(victim)
    os.kill(pids[2], signal.SIGKILL)
    list(victim)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(all_of, drivers[:2]))
    run = run_of(where)
    check(run, [line for driver in drivers for line in driver.reported], trials)
    shared, alone = drawn(run), drawn(fake_search(Journal(), TELLTALE[True], trials))
    assert all(len(shared[name]) > 30 for name in shared)
    assert not differing(shared, alone)
    small = {name: [v / 2 for v in values] for name, values in shared.items()}
    assert {"a.weight", "b.weight"} <= set(differing(small, alone))


@everywhere
def test_what_one_worker_begins_another_goes_on_with(drivers: list[Driver], where: str) -> None:
    """One after the other they come to what one search comes to, on every storage."""
    for number in range(3):
        drivers[number].start(where, 7 + 3 * number)
        list(drivers[number].reports())
    run = run_of(where)
    check(run, [line for driver in drivers for line in driver.reported], 13)
    alone = Journal()
    for trials in (7, 10, 13):
        whole = fake_search(alone, TELLTALE[True], trials)
    assert told(run) == told(whole)


@needs_server
@pytest.mark.slow
def test_a_database_that_is_away_for_a_while_costs_nothing(
    drivers: list[Driver], server: postgres.Server
) -> None:
    where = server.database()
    drivers[0].start(where, 12, 0, 0.3)
    reports = drivers[0].reports()
    for _ in range(5):
        next(reports)
    for seconds in (3.0, 60.0):
        server.stop()
        time.sleep(seconds)
        server.start()
        next(reports)
    list(reports)
    assert drivers[0].code == 0
    check(run_of(where), drivers[0].reported, 12)
    close_databases()


@needs_server
@needs_grpc
@pytest.mark.slow
def test_a_proxy_that_is_away_for_a_while_costs_nothing(
    drivers: list[Driver], proxy: Proxy
) -> None:
    for number, driver in enumerate(drivers[:2]):
        driver.start(proxy.url, 30, number, 0.2)
    reports = drivers[0].reports()
    for _ in range(3):
        next(reports)
    for _ in range(2):
        proxy.kill()
        time.sleep(1.0)
        proxy.start()
        next(reports)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(all_of, drivers[1])
        list(reports)
    assert [driver.code for driver in drivers[:2]] == [0, 0]
    check(run_of(proxy.url), [line for driver in drivers for line in driver.reported], 30)


def test_several_workers_propose_different_points_at_once() -> None:
    from optimerge.search.making import make_proposal
    from optimerge.search.seen import make_view

    journal = Journal()
    run = fake_search(journal, sampler_named("random"), 9)
    space = open_fake(journal, Fake()).space
    for name in ("random", "qmc", "tpe"):
        sampler = sampler_named(name)
        made = []
        for worker in (0, 0, 1, 2):
            view = make_view(
                run.search, space, run.info.objectives, 0, ahead=sampler.ahead, worker=worker
            )
            made.append(make_proposal(view, sampler).proposal)
        first, again, *others = [proposal and dict(proposal.params) for proposal in made]
        assert first == again
        assert name == "qmc" or (first not in others and others[0] != others[1])
