"""Our objectives keep the laws, and the laws catch what breaks them."""

import copy
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.objectives.make import make_objectives
from optimerge.objectives.protocol import Candidate, Objective
from optimerge.objectives.sparsity import SparsityScorer
from optimerge.records.types import Direction, Score
from optimerge.space.objectives import SparsityObjective, TaskObjective, objective_name
from optimerge.testing.objectives import ObjectiveLaws

OBJECTIVES = [
    TaskObjective(task="pick", metric="acc"),
    TaskObjective(task="next"),
    TaskObjective(task="text", metric="bits_per_byte"),
    TaskObjective(task="say"),
    TaskObjective(task="dream"),
    SparsityObjective(sparsity="nonzero"),
    SparsityObjective(sparsity="l1"),
    SparsityObjective(sparsity="l2"),
]


@pytest.fixture(scope="module")
def made(
    first_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tasks: Path
) -> dict[str, Objective]:
    objectives = make_objectives(OBJECTIVES, first_model, tokenizer, tasks, seed=0)
    return {objective.name: objective for objective in objectives}


class TestOurs(ObjectiveLaws):
    @pytest.fixture(params=[objective_name(spec) for spec in OBJECTIVES])
    def objective(self, request: pytest.FixtureRequest, made: dict[str, Objective]) -> Objective:
        return made[request.param]

    @pytest.fixture
    def candidate(self, candidate: Candidate) -> Candidate:
        return candidate


class Sum:
    """A lawful objective to plant faults in: a sum over the weights."""

    name = "sum"
    direction: Direction = "maximize"

    def score(self, candidate: Candidate) -> Score:
        return Score(self.value(candidate.model), 0.0, 0, self.direction, 0.0)

    def value(self, model: LlamaForCausalLM) -> float:
        return float(sum(weight.detach().double().sum() for weight in model.parameters()))


class KeepsFirst(Sum):
    def value(self, model: LlamaForCausalLM) -> float:
        self.first = getattr(self, "first", None) or super().value(model)
        return self.first


class KeepsByModel(Sum):
    def value(self, model: LlamaForCausalLM) -> float:
        self.seen: dict[int, float] = getattr(self, "seen", {})
        return self.seen.setdefault(id(model), super().value(model))


class Writes(Sum):
    def value(self, model: LlamaForCausalLM) -> float:
        found = super().value(model)
        next(model.parameters()).data.mul_(1.0001)
        return found


class DrawsPython(Sum):
    def value(self, model: LlamaForCausalLM) -> float:
        random.random()
        return super().value(model)


class DrawsTorch(Sum):
    def value(self, model: LlamaForCausalLM) -> float:
        return super().value(model) + float(torch.rand(()))


class LeavesEval(Sum):
    def value(self, model: LlamaForCausalLM) -> float:
        return super().value(model.eval())


class LeavesGradOff(Sum):
    def value(self, model: LlamaForCausalLM) -> float:
        torch.set_grad_enabled(False)
        return super().value(model)


class Freezes(Sum):
    def value(self, model: LlamaForCausalLM) -> float:
        return super().value(model.requires_grad_(False))


class SaysNaN(Sum):
    def value(self, model: LlamaForCausalLM) -> float:
        return float("nan")


class OtherDirection(Sum):
    def score(self, candidate: Candidate) -> Score:
        return Score(1.0, 0.0, 0, "minimize", 0.0)


LAWS = [getattr(ObjectiveLaws, name) for name in vars(ObjectiveLaws) if name.startswith("test_")]
FAULTS = {
    KeepsFirst: "test_other_candidates_get_their_own_scores",
    KeepsByModel: "test_weights_written_in_place_are_scored",
    Writes: "test_the_weights_stay",
    DrawsPython: "test_the_global_generators_stay",
    DrawsTorch: "test_the_same_candidate_scores_the_same",
    LeavesEval: "test_the_modes_stay",
    LeavesGradOff: "test_the_modes_stay",
    Freezes: "test_the_modes_stay",
    SaysNaN: "test_the_score_is_whole",
    OtherDirection: "test_the_score_is_whole",
}


def broken(objective: Objective, candidate: Candidate, others: list[Candidate]) -> set[str]:
    """Return the laws that the objective breaks."""
    found = set()
    for law in LAWS:
        asked = law.__code__.co_varnames[1 : law.__code__.co_argcount]
        given = {
            "objective": objective,
            "candidate": copy.deepcopy(candidate),
            "others": copy.deepcopy(others),
        }
        try:
            law(ObjectiveLaws(), **{name: given[name] for name in asked})
        except AssertionError:
            found.add(law.__name__)
        finally:
            torch.set_grad_enabled(True)
    return found


@pytest.fixture
def others(candidate: Candidate, make_model: Callable[[int], LlamaForCausalLM]) -> list[Candidate]:
    return [Candidate(make_model(5), candidate.stats)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_laws_catch(fault: type[Sum], candidate: Candidate, others: list[Candidate]) -> None:
    assert FAULTS[fault] in broken(fault(), candidate, others)


def test_the_laws_let_the_lawful_pass(candidate: Candidate, others: list[Candidate]) -> None:
    assert broken(Sum(), candidate, others) == set()


def test_sparsity_is_not_told_by_weights(candidate: Candidate, others: list[Candidate]) -> None:
    scorer = SparsityScorer("sparsity", "l1")
    assert scorer.score(candidate) == scorer.score(others[0])
