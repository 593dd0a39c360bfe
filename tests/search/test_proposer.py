"""Proposals are made beside the scoring: in time, the same, and whatever becomes of the helper."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from fake_search import TELLTALE, Journal, Telltale, fake_search, told
from test_proposals import SPACE, values, view_of
from threadpoolctl import threadpool_limits

from optimerge.errors import RunError
from optimerge.search import proposer as proposers
from optimerge.search.begin import begin_proposal
from optimerge.search.helper import Helper, HelperError
from optimerge.search.making import Made, make_proposal, one_thread
from optimerge.search.proposals import View, propose_point
from optimerge.search.proposer import Proposer
from optimerge.search.samplers.registry import Ask, NamedSampler, sampler_named

AHEAD = TELLTALE[True]


class Algebra(Telltale):
    """Proposes what hangs on the last bits of a large product and of a solution."""

    def digest(self, study: Any, trial: Any) -> str:
        rng = np.random.default_rng(int(super().digest(study, trial), 16))
        square = rng.normal(size=(300, 300))
        found = np.linalg.solve(square @ square.T, square[0])
        return blake2b(found.tobytes(), digest_size=8).hexdigest()


ALGEBRA = NamedSampler("algebra", "", "", Algebra, ahead=True)


def views(count: int, trials: int = 12) -> list[View]:
    """Views of one study, each with a trial more."""
    study = optuna.create_study(directions=["maximize"] * 3)
    found = []
    for number in range(trials + count):
        view = view_of(study, ahead=True)
        found += [view] if number >= trials else []
        asked = begin_proposal(study, SPACE, propose_point(view, sampler_named("random")), {})
        study.tell(asked, values(asked.params, 3))
    return found


class Counting:
    """A helper in this process, that fails where it is told to."""

    made: list["Counting"] = []
    failing: set[str] = set()

    def __init__(self, sampler: NamedSampler) -> None:
        self.sampler, self.sent, self.closed = sampler, list[View](), False
        self._fail("start")
        Counting.made.append(self)

    def send(self, view: View) -> None:
        self._fail("send")
        self.sent.append(view)

    def receive(self) -> Made:
        self._fail("receive")
        return make_proposal(self.sent[-1], self.sampler)

    def close(self) -> None:
        self.closed = True

    def _fail(self, what: str) -> None:
        if what in Counting.failing:
            raise HelperError("it was ended by SIGKILL (out of memory?)")


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Counting]]:
    monkeypatch.setattr(proposers, "PATIENCE", 0.0)
    Counting.made, Counting.failing = [], set()
    yield Counting
    assert all(helper.closed for helper in Counting.made)


def test_what_was_prepared_is_taken_and_one_helper_makes_it_all(counting: type[Counting]) -> None:
    with Proposer(AHEAD, start=counting) as proposer:
        for view in views(3):
            proposer.prepare(view)
            assert proposer.take(view).proposal == propose_point(view, AHEAD)
    assert [len(helper.sent) for helper in counting.made] == [3]


def test_a_helper_is_started_once_proposing_has_taken_long(
    counting: type[Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposers, "PATIENCE", 2.0)
    monkeypatch.setattr(proposers, "make_proposal", lambda view, sampler: Made(None, 0.9))
    with Proposer(AHEAD, start=counting) as proposer:
        helpers = []
        for view in views(4):
            proposer.prepare(view)
            proposer.take(view)
            helpers.append(len(counting.made))
    assert helpers == [0, 0, 0, 1]


def test_a_sampler_that_is_quick_has_none(counting: type[Counting]) -> None:
    with Proposer(TELLTALE[False], start=counting) as proposer:
        for view in views(2):
            proposer.prepare(view)
            assert proposer.take(view).proposal
    assert not counting.made


def test_where_the_trials_have_changed_the_proposal_is_made_again(
    counting: type[Counting],
) -> None:
    first, second, third = views(3)
    with Proposer(AHEAD, start=counting) as proposer:
        proposer.prepare(first)
        assert proposer.take(second).proposal == propose_point(second, AHEAD)
        assert [helper.closed for helper in counting.made] == [True]
        proposer.prepare(second)
        proposer.prepare(third)  # nobody took the second
        assert proposer.take(third).proposal == propose_point(third, AHEAD)
    assert [helper.sent for helper in counting.made] == [[first], [second], [third]]


@pytest.mark.parametrize("what", ["start", "send", "receive"])
def test_a_helper_that_dies_costs_nothing_but_time(what: str, counting: type[Counting]) -> None:
    counting.failing = {what}
    said: list[str] = []
    with Proposer(AHEAD, said.append, counting) as proposer:
        for view in views(5):
            proposer.prepare(view)
            assert proposer.take(view).proposal == propose_point(view, AHEAD)
        tried = len(counting.made)
        assert not proposer.pays
    assert tried == (0 if what == "start" else 3)
    assert said == [
        "the process that makes proposals beside the search failed: it was ended by SIGKILL (out "
        "of memory?); the search goes on, and may have to wait for proposals"
    ]


def test_an_error_of_the_search_ends_the_helper(counting: type[Counting]) -> None:
    with pytest.raises(KeyboardInterrupt), Proposer(AHEAD, start=counting) as proposer:
        proposer.prepare(views(1)[0])
        raise KeyboardInterrupt
    assert len(counting.made) == 1


@pytest.fixture(scope="module")
def helper() -> Iterator[Helper]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "2")  # as the search may have it
        started = Helper(ALGEBRA)
    yield started
    started.close()


def test_in_a_process_of_its_own_the_proposals_are_the_same(helper: Helper) -> None:
    for view in views(2):
        helper.send(view)
        with threadpool_limits(2):  # as where the model is scored on a CPU
            there, here = helper.receive(), make_proposal(view, ALGEBRA)
        assert there.proposal == here.proposal is not None
        assert there.seconds > 0


def test_that_process_has_one_thread_no_gpu_and_takes_no_interrupt(helper: Helper) -> None:
    environment = Path(f"/proc/{helper.pid}/environ").read_text().split("\0")
    assert {"OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1"} <= set(environment)
    assert "CUDA_VISIBLE_DEVICES=" in environment
    assert os.getpgid(helper.pid) == helper.pid != os.getpgid(0)
    view = views(1, trials=2)[0]
    helper.send(view)
    with one_thread():  # as the search itself proposes
        wanted = propose_point(view, ALGEBRA)
    assert helper.receive().proposal == wanted
    assert Path(f"/proc/{helper.pid}/oom_score_adj").read_text() == "1000\n"
    os.kill(helper.pid, signal.SIGINT)
    helper.send(view)
    assert helper.receive().proposal == wanted
    os.kill(helper.pid, signal.SIGKILL)
    with pytest.raises(HelperError, match=r"ended by SIGKILL \(out of memory\?\)"):
        helper.receive()


def test_a_search_with_a_helper_is_the_same_search(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = told(fake_search(Journal(), AHEAD, 12))
    monkeypatch.setattr(proposers, "PATIENCE", 0.0)
    used: list[Made] = []
    receive = Helper.receive

    def receiving(self: Helper) -> Made:
        used.append(receive(self))
        return used[-1]

    monkeypatch.setattr(Helper, "receive", receiving)
    run = fake_search(Journal(), AHEAD, 12)
    assert told(run) == wanted
    assert len(used) == 4  # 12 less 3 parents and 5 points that waited
    seconds = [t.seconds for t in run.trials() if t.origin == "sampler"]
    assert [round(made.seconds, 4) for made in used] == [s["propose"] for s in seconds]
    assert all("wait" in s for s in seconds)


SEARCH = """
import sys, time
from test_proposer import views
from optimerge.search.helper import Helper
from optimerge.search.samplers.registry import NamedSampler
import sleeper
helper = Helper(NamedSampler("sleeper", "", "", sleeper.make))
helper.send(views(1, trials=0)[0])
print(helper.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_the_process_ends_with_the_search_whatever_ended_that(tmp_path: Path) -> None:
    mark = tmp_path / "busy"
    (tmp_path / "sleeper.py").write_text(
        "import pathlib, time\n"
        f"def make(ask):\n    pathlib.Path({str(mark)!r}).touch()\n    time.sleep(600)\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    parent = subprocess.Popen(
        [sys.executable, "-c", SEARCH],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert parent.stdout
    pid = int(parent.stdout.readline())
    waited = time.monotonic()
    while not mark.exists():
        assert time.monotonic() - waited < 120
        time.sleep(0.1)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    while _is_alive(pid):
        assert time.monotonic() - waited < 240, "the helper outlives the search"
        time.sleep(0.1)


def _is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
def test_the_memory_of_the_process_is_flat() -> None:
    found = views(1, trials=100)
    helper = Helper(sampler_named("tpe"))
    try:
        sizes = []
        for number in range(300):
            helper.send(found[0])
            assert helper.receive().proposal
            if number in (99, 299):
                status = Path(f"/proc/{helper.pid}/status").read_text()
                sizes.append(int(status.split("VmRSS:")[1].split()[0]))
        assert sizes[1] - sizes[0] < 4_000, "kilobytes"
    finally:
        helper.close()


class Raising(Telltale):
    """Fails to propose the candidates of some numbers."""

    numbers: set[int] = set()

    def before_trial(self, study: Any, trial: Any) -> None:
        if self._ask.number in self.numbers:
            raise ValueError("the matrix is not positive definite\nand more")


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> NamedSampler:
    def make(ask: Ask) -> Raising:
        return Raising(ask)

    monkeypatch.setattr(Raising, "numbers", {6, 7, 9})
    return NamedSampler("raising", "", "", make, ahead=True)


def test_a_sampler_that_raises_costs_its_proposal_only(raising: NamedSampler) -> None:
    said: list[str] = []
    journal = Journal()
    run = fake_search(journal, raising, 13, warn=said.append)
    candidates = [t for t in run.trials() if not t.is_parent]
    assert [t.origin for t in candidates if not t.origin.startswith("warm:")] == [
        "sampler", "random", "random", "sampler", "random",
    ]  # fmt: skip
    assert said == [
        "the sampler raising failed (ValueError: the matrix is not positive definite); a random "
        "point is tried instead, see log.txt"
    ]
    parts = Journal()
    for stop in (9, 1):
        fake_search(parts, raising, 13, stop_after=stop)
    assert told(fake_search(parts, raising, 13)) == told(run)


def test_the_third_error_in_a_row_ends_the_search(
    raising: NamedSampler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Raising, "numbers", set(range(10, 20)))
    journal = Journal()
    for _ in range(2):  # and at once, if it is started again without another sampler
        with pytest.raises(
            RunError,
            match=r"fake: the sampler raising failed 3 times in a row, the last time with "
            r"ValueError: the matrix is not positive definite; see log.txt there, and go on with "
            r"another one, such as --sampler tpe",
        ):
            fake_search(journal, raising, 20)
    assert "in before_trial" in caplog.text  # the traceback
    run = fake_search(journal, sampler_named("tpe"), 18)
    assert [t.origin for t in run.trials()][-5:] == ["random"] * 2 + ["sampler"] * 3


def test_a_refusal_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(ask: Ask) -> Any:
        raise RunError("not in this space")

    with pytest.raises(RunError, match="not in this space"):
        fake_search(Journal(), NamedSampler("refusing", "", "", make), 12)
