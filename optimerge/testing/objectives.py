"""The laws that every objective keeps. Subclass in a test module and give a fixture.

    class TestMine(ObjectiveLaws):
        @pytest.fixture
        def objective(self): ...            # an Objective

Give `candidate` too, a Candidate, if it cannot score `optimerge.testing.tiny`. Override `others` if
the weights and counts it makes do not move your objective.
"""

import copy
import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from optimerge.objectives.protocol import Candidate, Objective
from optimerge.records.types import Score
from optimerge.testing import tiny

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


class ObjectiveLaws:
    """Scores are finite and repeatable, follow the candidate, and leave no trace."""

    @pytest.fixture
    def objective(self) -> Objective:
        """Return the objective to judge."""
        raise NotImplementedError("give ObjectiveLaws a fixture `objective`")

    @pytest.fixture
    def candidate(self) -> Candidate:
        """Return a candidate that the objective can score: a tiny random model."""
        return tiny.candidate()

    @pytest.fixture
    def others(self, candidate: Candidate) -> list[Candidate]:
        """Return copies of the candidate with other weights and counts; one must score otherwise.

        Several, because an accuracy on few items can be equal by chance.
        """
        return [_changed(candidate, seed) for seed in (1, 2, 3)]

    def test_it_has_a_name_and_a_direction(self, objective: Objective) -> None:
        """The protocol is met."""
        assert isinstance(objective, Objective)
        assert isinstance(objective.name, str)
        assert objective.name
        assert objective.direction in ("maximize", "minimize")

    def test_the_score_is_whole(self, objective: Objective, candidate: Candidate) -> None:
        """The value is finite; error, items and direction are told."""
        score = objective.score(candidate)
        assert math.isfinite(score.value)
        assert score.stderr is None or (math.isfinite(score.stderr) and score.stderr >= 0)
        assert score.items >= 0
        assert score.seconds >= 0
        assert score.direction == objective.direction

    def test_the_same_candidate_scores_the_same(
        self, objective: Objective, candidate: Candidate
    ) -> None:
        """A second score is equal, wherever the global generators stand."""
        first = _told(objective.score(candidate))
        with _global_numbers_moved():
            assert _told(objective.score(candidate)) == first

    def test_the_weights_stay(self, objective: Objective, candidate: Candidate) -> None:
        """No weight, buffer or gradient is written."""
        before = _weights(candidate)
        objective.score(candidate)
        after = _weights(candidate)
        assert before.keys() == after.keys()
        assert [name for name in before if not _same(before[name], after[name])] == []
        assert all(weight.grad is None for weight in candidate.model.parameters())

    def test_the_modes_stay(self, objective: Objective, candidate: Candidate) -> None:
        """Training modes and gradient switches are as before."""
        import torch

        one = next(iter(candidate.model.children()), candidate.model)
        for training, gradients in ((True, True), (False, False)):
            candidate.model.eval()
            one.train(training)
            before = [module.training for module in candidate.model.modules()]
            asked = [weight.requires_grad for weight in candidate.model.parameters()]
            with torch.set_grad_enabled(gradients):
                objective.score(candidate)
                assert torch.is_grad_enabled() == gradients
            assert [module.training for module in candidate.model.modules()] == before
            assert [weight.requires_grad for weight in candidate.model.parameters()] == asked
        candidate.model.eval()

    def test_the_global_generators_stay(self, objective: Objective, candidate: Candidate) -> None:
        """Global random numbers are not drawn, or are put back."""
        before = _generators()
        objective.score(candidate)
        assert _generators() == before

    def test_other_candidates_get_their_own_scores(
        self, objective: Objective, candidate: Candidate, others: list[Candidate]
    ) -> None:
        """No answer is kept from one candidate for the next."""
        first = objective.score(candidate).value
        assert {objective.score(other).value for other in others} != {first}
        assert objective.score(candidate).value == first

    def test_weights_written_in_place_are_scored(
        self, objective: Objective, candidate: Candidate, others: list[Candidate]
    ) -> None:
        """What counts is the weights now, not which model object holds them."""
        first, original = objective.score(candidate).value, copy.deepcopy(candidate.model)
        for other in others:
            wanted = objective.score(other).value
            self.write(candidate.model, other.model)
            try:
                assert objective.score(Candidate(candidate.model, other.stats)).value == wanted
            finally:
                self.write(candidate.model, original)
        assert objective.score(candidate).value == first

    def write(self, model: "PreTrainedModel", other: "PreTrainedModel") -> None:
        """Make a model another in place; override it if `others` have another number of layers."""
        model.load_state_dict(other.state_dict())


def _changed(candidate: Candidate, seed: int) -> Candidate:
    import torch

    model, noise = copy.deepcopy(candidate.model), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight += torch.randn(weight.shape, generator=noise).to(weight) * weight.std()
    stats = candidate.stats
    changed = replace(stats, nonzero=stats.nonzero // 2, l1=stats.l1 + seed, l2=stats.l2 + seed)
    return Candidate(model, changed)


def _told(score: Score) -> tuple[float, float | None, int]:
    return score.value, score.stderr, score.items


def _weights(candidate: Candidate) -> "dict[str, Tensor]":
    return {name: each.detach().clone() for name, each in candidate.model.state_dict().items()}


def _same(one: "Tensor", two: "Tensor") -> bool:
    import torch

    return one.dtype == two.dtype and torch.equal(one, two)


def _generators() -> tuple[Any, ...]:
    """Return the states of the global generators, comparable by ==."""
    import numpy as np
    import torch

    _, keys, *rest = np.random.get_state(legacy=True)
    drawn = np.asarray(keys).tobytes(), torch.get_rng_state().numpy().tobytes()
    return random.getstate(), rest, drawn


@contextmanager
def _global_numbers_moved() -> Iterator[None]:
    """Put the global generators elsewhere for a while."""
    import numpy as np
    import torch

    states: list[tuple[Callable[[Any], None], Any]] = [
        (random.setstate, random.getstate()),
        (np.random.set_state, np.random.get_state()),
        (torch.set_rng_state, torch.get_rng_state()),
    ]
    random.setstate(random.Random("elsewhere").getstate())
    np.random.set_state(np.random.RandomState(99).get_state())
    torch.set_rng_state(torch.Generator().manual_seed(99).get_state())
    try:
        yield
    finally:
        for put_back, state in states:
            put_back(state)
