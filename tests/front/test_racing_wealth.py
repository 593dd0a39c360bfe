"""The bets: fair on every population, in every order, and certain only where there is no doubt."""

from itertools import permutations, product

import numpy as np
import pytest
from front_cases import given
from hypothesis import strategies as st

from optimerge.front.racing import wealth as module
from optimerge.front.racing.wealth import TaskWealth

ITEMS = 5


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """New guesses after items 2 and 3 of 5, as a race makes them after 25 and 58 of 300."""
    edges = {ITEMS: (2, 3, ITEMS)}
    whole = module.block_edges
    monkeypatch.setattr(module, "block_edges", lambda n: edges.get(n) or whole(n))


def losses(*shape, binary):
    size = int(np.prod(shape))
    one = st.sampled_from([-1.0, 0.0]) if binary else st.floats(-1, 0, width=16)
    return st.lists(one, min_size=size, max_size=size).map(lambda v: np.array(v).reshape(shape))


@st.composite
def populations(draw, others=2):
    """A candidate [n] and models [k, n] on the same items."""
    binary = draw(st.booleans())
    return draw(losses(ITEMS, binary=binary)), draw(losses(others, ITEMS, binary=binary))


def paths(candidate, models):
    """Log wealth [orders, steps, rivals] in every order of the items."""
    found = []
    for order in map(list, permutations(range(ITEMS))):
        bets = TaskWealth(models[:, order], models[:, order], -1.0, 0.0)
        steps = []
        for loss in candidate[order]:
            bets.add(np.array([loss]))
            steps.append(bets.log_wealth)
        found.append(steps)
    return np.array(found)


def assert_fair(candidate, models):
    """Over all orders the mean is at most 1, and 1/δ is ever exceeded in at most δ of them."""
    null = candidate.sum() <= models.sum(axis=1)
    wealth = np.exp(paths(candidate, models)[:, :, null])
    assert (wealth.mean(axis=0) <= 1 + 1e-9).all()
    most = wealth.max(axis=1, initial=0)
    for delta in (0.5, 0.2, 0.05):
        assert ((most >= 1 / delta).mean(axis=0) <= delta + 1e-9).all()


@given(populations(), max_examples=10)
def test_no_one_grows_rich_against_a_candidate_that_is_as_good(population):
    assert_fair(*population)


def test_the_test_above_sees_a_guess_that_is_not_centred(monkeypatch):
    def off(self):
        whole(self)
        self._sum_left = self._sum_left * 0

    whole = TaskWealth._guess_anew
    monkeypatch.setattr(TaskWealth, "_guess_anew", off)
    with pytest.raises(AssertionError):
        assert_fair(*unlucky())


def test_the_test_above_sees_a_null_that_forgets_the_items_gone(monkeypatch):
    needed = property(lambda self: self._totals * self._left / self.items)
    monkeypatch.setattr(TaskWealth, "_needed", needed)
    assert_fair(*unlucky())  # as if drawn with replacement: fair still, but weaker
    monkeypatch.setattr(TaskWealth, "_needed", property(lambda self: self._totals))
    with pytest.raises(AssertionError):
        assert_fair(*unlucky())


def unlucky():
    return np.array([-1.0, -1, -1, 0, 0]), np.array([[0.0, 0, -1, -1, -1], [0, -1, -1, 0, -1]])


@given(populations(), st.lists(st.integers(1, ITEMS), max_size=4))
def test_evidence_depends_on_the_items_not_on_their_portions(population, cuts):
    candidate, models = population
    whole, parts = (TaskWealth(models, models, -1.0, 0.0) for _ in range(2))
    whole.add(candidate)
    for portion in np.split(candidate, sorted(cuts)):
        parts.add(portion)
    assert parts.seen == whole.seen == ITEMS
    assert parts.log_wealth == pytest.approx(whole.log_wealth, abs=1e-9)


@given(populations(), st.floats(0.1, 100), st.floats(-50, 50))
def test_evidence_does_not_depend_on_the_unit(population, scale, shift):
    candidate, models = population
    plain = TaskWealth(models, models, -1.0, 0.0)
    units = TaskWealth(models * scale + shift, models * scale + shift, shift - scale, shift)
    plain.add(candidate[:4])
    units.add(np.clip(candidate * scale + shift, shift - scale, shift)[:4])
    assert units.log_wealth == pytest.approx(plain.log_wealth, abs=1e-5)


@given(populations(others=3), st.integers(0, ITEMS))
def test_what_is_certain_is_what_every_outcome_on_the_items_left_has(population, seen):
    candidate, models = np.round(population[0]), np.round(population[1])
    bets = TaskWealth(models, models, -1.0, 0.0)
    bets.add(candidate[:seen])
    ends = [candidate[:seen].sum() + sum(rest) for rest in product((-1, 0), repeat=ITEMS - seen)]
    totals = models.sum(axis=1)
    assert list(bets.worse) == [min(ends) > total for total in totals]
    assert list(bets.no_better) == [min(ends) >= total for total in totals]
    assert list(bets.better) == [max(ends) < total for total in totals]


@given(st.integers(0, 2**32), st.sampled_from([1, 7, 60, 300]), st.integers(0, 4))
def test_wealth_is_a_number_above_zero_whatever_happens(seed, items, others):
    random = np.random.default_rng(seed)
    known = -random.integers(0, 2, (others, items)).astype(float)
    rivals = -random.integers(0, 2, (3, items)).astype(float)
    rivals[0], rivals[1] = 0.0, -1.0  # none and all items right
    bets = TaskWealth(rivals, known, -1.0, 0.0)
    bets.add(np.sort(-random.integers(0, 2, items).astype(float))[:: random.choice([-1, 1])])
    assert np.isfinite(bets.log_wealth).all()


def test_items_that_all_models_fail_on_say_little_of_this_one():
    """20 wrong answers are weaker evidence where the others were wrong there too."""
    random = np.random.default_rng(3)
    models = -(random.random((4, 200)) < 0.6).astype(float)
    hard = models.copy()
    hard[:, :20] = 0.0
    evidence = []
    for known in (models, hard):
        bets = TaskWealth(models, known, -1.0, 0.0)
        bets.add(np.zeros(20))
        evidence.append(bets.log_wealth.max())
    assert evidence[1] < evidence[0] - 2


@pytest.mark.parametrize("bad", [[0.5], [-1.5], [float("nan")]])
def test_a_loss_outside_the_bounds_is_refused(bad):
    with pytest.raises(ValueError, match="not between"):
        TaskWealth(np.zeros((1, 9)), np.zeros((0, 9)), -1.0, 0.0).add(np.array(bad))


def test_more_items_than_there_are_is_refused():
    with pytest.raises(ValueError, match="there are 9 items, not 10"):
        TaskWealth(np.zeros((1, 9)), np.zeros((0, 9)), -1.0, 0.0).add(np.zeros(10))
