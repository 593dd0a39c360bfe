"""Objectives come in the order of the space, with names of their own."""

from pathlib import Path

import pytest
from scored_whole import score_all
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TaskError, TrialError
from optimerge.objectives.make import check_names, make_objectives
from optimerge.objectives.protocol import Candidate
from optimerge.objectives.sparsity import Measure, SparsityScorer
from optimerge.records.types import MergeStats
from optimerge.space.objectives import ObjectiveSpec, SparsityObjective, TaskObjective

SPECS: list[ObjectiveSpec] = [
    SparsityObjective(sparsity="nonzero"),
    TaskObjective(task="pick", search_items=5),
    SparsityObjective(sparsity="l2", name="distance"),
    TaskObjective(task="pick", metric="mcc", search_items=5, name="mcc"),
]


def test_order_and_names(
    candidate: Candidate, tokenizer: PreTrainedTokenizerFast, tasks: Path
) -> None:
    made = make_objectives(SPECS, candidate.model, tokenizer, tasks, 0)
    names = ["nonzero", "pick", "distance", "mcc"]
    assert [each.name for each in made] == names
    scores = score_all(made, candidate)
    assert list(scores) == names
    assert scores["nonzero"].value == 0.25
    assert scores["pick"].direction == "maximize"
    assert scores["pick"].items == 5


def test_sparsity_alone_needs_no_tasks(
    candidate: Candidate, tokenizer: PreTrainedTokenizerFast
) -> None:
    made = make_objectives(SPECS[:1], candidate.model, tokenizer, None, 0)
    assert score_all(made, candidate)["nonzero"].value == 0.25


def test_two_of_one_name() -> None:
    with pytest.raises(
        TaskError,
        match=r"objectives\[1\] and .*\[3\] are both called 'pick'; set objectives\[3\].name",
    ):
        check_names([*SPECS[:3], TaskObjective(task="other", name="pick")])


@pytest.mark.parametrize(("measure", "value"), [("nonzero", 0.25), ("l1", 4.0), ("l2", 0.5)])
def test_sparsity(candidate: Candidate, measure: Measure, value: float) -> None:
    score = SparsityScorer("mine", measure).score(candidate)
    assert (score.value, score.stderr, score.items) == (value, 0.0, 0)
    assert score.direction == "minimize"


def test_sparsity_of_nothing_and_of_nan(model: LlamaForCausalLM) -> None:
    scorer = SparsityScorer("mine", "l1")
    with pytest.raises(TrialError, match="'mine': no tensor"):
        scorer.score(Candidate(model, MergeStats(0.0, 0, 0, 0.0, 0.0)))
    with pytest.raises(TrialError, match="'mine': l1 of the merge is nan"):
        scorer.score(Candidate(model, MergeStats(0.0, 5, 1, float("nan"), 0.0)))
