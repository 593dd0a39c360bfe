"""One candidate's race on given outcomes: evidence decides, not the score so far."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from optimerge.front.racing.race import Incumbent
from optimerge.objectives.metrics import Metric
from optimerge.objectives.runs import TaskAnswers
from optimerge.records.types import Score
from optimerge.search.racing import CandidateRace

ITEMS = 400
ACC = "acc,none"


class Task:
    """What a race reads of a task: its documents, in an order that is not theirs."""

    def __init__(self, items: int = ITEMS) -> None:
        self.documents = tuple(int(i) for i in np.random.default_rng(3).permutation(items))


def scorer(metric: str = "acc") -> Any:
    name, _, _ = metric.partition(",")
    return SimpleNamespace(
        run=Task(), metric=Metric(name, "none", "maximize"), direction="maximize", name="t"
    )


def outcomes(right: float, seed: int = 0) -> Any:
    """Outcomes in the order of scoring: this share right in any part of them, nearly."""
    return (np.random.default_rng(seed).random(ITEMS) < right).astype(float)


def race(asked: Any, rival: Any, exact: tuple[float, ...] = ()) -> CandidateRace:
    names = [f"exact{i}" for i in range(len(exact))]
    return CandidateRace([asked], names, [Incumbent("7", [-rival], exact)], 0.95)


def lost(racing: CandidateRace, mine: Any, items: int, known: Any = None) -> str:
    asked: Any = racing.scorers[0]
    found = dict(zip(asked.run.documents[:items], mine[:items].tolist(), strict=True))
    answers = {asked.run: TaskAnswers({str(asked.metric): found}, {}, asked.run.documents[:items])}
    return racing.lost(answers, known or {})


def test_a_much_worse_candidate_is_stopped_in_words() -> None:
    why = lost(race(scorer(), outcomes(0.7)), outcomes(0.1, 1), 58)
    assert why == f"dominated by 7 after 58 of {ITEMS} items (confidence 0.95)"


def test_a_candidate_that_cannot_catch_up_is_stopped_for_certain() -> None:
    why = lost(race(scorer(), np.ones(ITEMS)), 1 - np.eye(ITEMS)[5], 10)
    assert why == f"dominated by 7 after 10 of {ITEMS} items (certain)"


def test_a_lower_score_so_far_is_no_evidence() -> None:
    """The plant of halving: 60 % right of 25 against 72 % would be dropped on the point estimate."""
    rival, mine = outcomes(0.7), outcomes(0.7, 1)
    rival[:25] = np.arange(25) < 18
    mine[:25] = np.arange(25)[::-1] < 15
    assert mine[:25].mean() < rival[:25].mean() - 0.1
    assert lost(race(scorer(), rival), mine, 25) == ""


def first_stop(rival: Any, mine: Any) -> int:
    looks = range(20, ITEMS, 20)
    return next((n for n in looks if lost(race(scorer(), rival), mine, n)), ITEMS)


def test_a_candidate_is_compared_document_by_document() -> None:
    """With the rival's outcomes in another order there would be no pairs to learn from."""
    paired, unpaired = 0, 0
    for seed in range(6):
        rival = outcomes(0.6, seed)
        mine = rival.copy()
        mine[np.flatnonzero(rival)[::6]] = 0.0  # loses a sixth of the rival's, wins nowhere
        paired += first_stop(rival, mine)
        unpaired += first_stop(rival[np.random.default_rng(seed).permutation(ITEMS)], mine)
    assert paired < 0.8 * unpaired


def test_documents_are_added_once_however_often_it_is_looked() -> None:
    looked, at_once = race(scorer(), outcomes(0.9)), race(scorer(), outcomes(0.9))
    mine = outcomes(0.8, 1)
    for items in (25, 58, 58, 107, 181):
        often = lost(looked, mine, items)
    assert often == lost(at_once, mine, 181)
    assert looked._race is not None
    assert at_once._race is not None
    assert looked._race.items == at_once._race.items == (181,)
    assert looked._race._evidence() == pytest.approx(at_once._race._evidence())


@pytest.mark.parametrize("odd", [1.5, -0.1, float("nan")])
def test_an_outcome_outside_the_bounds_ends_the_race_for_good(odd: float) -> None:
    racing, mine = race(scorer(), outcomes(0.9)), outcomes(0.0)
    mine[30] = odd
    assert lost(racing, mine, 58) == ""
    assert lost(racing, mine, 390) == ""
    mine[30] = 0.0
    assert lost(race(scorer(), outcomes(0.9)), mine, 58)  # it was the odd one that saved it


def test_nothing_is_believed_of_a_metric_that_is_not_known_to_be_bounded() -> None:
    """Points of 0 and 1 so far do not say that there is no document for 5."""
    rival, mine = outcomes(0.9), outcomes(0.0)
    assert lost(race(scorer("mine"), rival), mine, 58) == ""
    mine[3] = 0.5
    assert lost(race(scorer("acc"), rival), mine, 58)  # known to lie between


def test_a_task_that_leaves_a_document_out_is_scored_whole() -> None:
    racing, mine = race(scorer(), outcomes(0.9)), outcomes(0.0)
    asked: Any = racing.scorers[0]
    some = dict.fromkeys(asked.run.documents[1:59], 0.0)
    answers = {asked.run: TaskAnswers({ACC: some}, {}, asked.run.documents[:59])}
    assert racing.lost(answers, {}) == ""
    assert lost(race(scorer(), outcomes(0.9)), mine, 58)


def test_a_rival_must_be_no_worse_in_what_is_known_exactly() -> None:
    mine = outcomes(0.1, 1)
    for sparsity, stops in ((0.6, True), (0.5, True), (0.4, False)):
        known = {"exact0": Score(sparsity, 0.0, 0, "minimize", 0.0)}
        assert bool(lost(race(scorer(), outcomes(0.9), (0.5,)), mine, 58, known)) is stops
    for accuracy, stops in ((0.4, True), (0.6, False)):
        known = {"exact0": Score(accuracy, None, 9, "maximize", 0.0)}
        assert bool(lost(race(scorer(), outcomes(0.9), (-0.5,)), mine, 58, known)) is stops


def test_it_is_asked_again_only_while_a_stop_is_likely() -> None:
    rival = outcomes(0.7)
    bad, good = race(scorer(), rival), race(scorer(), rival)
    assert not bad.going
    assert lost(bad, outcomes(0.5, 1), 25) == ""
    assert bad.going
    assert lost(good, outcomes(0.9, 1), 25) == ""
    assert not good.going
    sparser = race(scorer(), rival, (0.5,))
    assert (
        lost(sparser, outcomes(0.5, 1), 25, {"exact0": Score(0.4, 0.0, 0, "minimize", 0.0)}) == ""
    )
    assert not sparser.going  # it has no rival
    odd = outcomes(0.5, 1)
    odd[30] = 2.0
    assert lost(bad, odd, 58) == ""
    assert not bad.going
