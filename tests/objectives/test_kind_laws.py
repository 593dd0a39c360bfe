"""Objectives beside tasks and sparsity keep the laws of every objective."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.objectives.drift import DriftScorer
from optimerge.objectives.make import make_objectives
from optimerge.objectives.protocol import Candidate, NeedsParent, Objective
from optimerge.space.objective_kinds.drift import DriftObjective
from optimerge.space.objective_kinds.function import FunctionObjective
from optimerge.space.objective_kinds.length import LengthObjective
from optimerge.space.objective_kinds.parameters import ParametersObjective
from optimerge.space.objective_kinds.perplexity import PerplexityObjective
from optimerge.space.objectives import ObjectiveSpec, objective_name
from optimerge.testing.objectives import ObjectiveLaws

CODE = """
import torch

def noisy(model, tokenizer):
    weights = [w.detach().double().sum() for w in model.parameters()]
    return float(sum(weights)) + float(torch.rand(())), 0.5
"""

SPECS: list[ObjectiveSpec] = [
    PerplexityObjective(perplexity="text.txt", context=16),
    PerplexityObjective(perplexity="text.txt", context=16, stride=4, per="byte", name="bytes"),
    DriftObjective(drift="prompts.txt", max_tokens=40),
    LengthObjective(length="prompts.jsonl", max_new_tokens=24),
    FunctionObjective(function="code:noisy", direction="maximize"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("space"))


def write_files(folder: Path) -> Path:
    words = [*"0123456789", *"abcdefghijklmnop"]
    prompts = [
        " ".join(words[(i * 7 + k * k) % len(words)] for k in range(2 + i)) for i in range(9)
    ]
    text = "\n\n".join(prompts)
    (folder / "text.txt").write_text(text + "\n")
    (folder / "prompts.txt").write_text("\n".join(prompts) + "\n")
    (folder / "prompts.jsonl").write_text("".join(f'{{"prompt": "{p}"}}\n\n' for p in prompts))
    (folder / "code.py").write_text(CODE)
    return folder


@pytest.fixture(scope="module")
def made(
    first_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path
) -> dict[str, Objective]:
    found = make_objectives(
        SPECS, first_model, tokenizer, None, seed=0, folder=folder, allow_code=True
    )
    parent = copy.deepcopy(first_model)
    with torch.no_grad():
        parent.lm_head.weight *= 1.5  # a parent that is not the candidate: else its drift is 0
    for each in found:
        if isinstance(each, NeedsParent):
            each.prepare(lambda name: parent)
    return {each.name: each for each in found}


class TestKinds(ObjectiveLaws):
    @pytest.fixture(params=[objective_name(spec) for spec in SPECS])
    def objective(self, request: pytest.FixtureRequest, made: dict[str, Objective]) -> Objective:
        return made[request.param]

    @pytest.fixture
    def candidate(self, candidate: Candidate) -> Candidate:
        return candidate


class TestParameters(ObjectiveLaws):
    """The others have fewer layers: other weights alone have the same number of parameters."""

    @pytest.fixture
    def objective(
        self, first_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
    ) -> Objective:
        spec = ParametersObjective(parameters="count")
        return make_objectives([spec], first_model, tokenizer, None, seed=0)[0]

    @pytest.fixture
    def candidate(self, candidate: Candidate) -> Candidate:
        return candidate

    @pytest.fixture
    def others(self, candidate: Candidate) -> list[Candidate]:
        small = copy.deepcopy(candidate.model)
        del small.model.layers[1:]
        return [Candidate(small, candidate.stats)]

    def write(self, model: Any, other: Any) -> None:
        del model.model.layers[len(other.model.layers) :]
        model.model.layers.extend(copy.deepcopy(other.model.layers[len(model.model.layers) :]))
        model.load_state_dict(other.state_dict())


def test_parameters_are_counted_with_ties_once(
    candidate: Candidate, tokenizer: PreTrainedTokenizerFast
) -> None:
    spec = ParametersObjective(parameters=True)
    (scorer,) = make_objectives([spec], candidate.model, tokenizer, None, seed=0)
    whole = scorer.score(candidate)
    assert whole.value == candidate.model.num_parameters()
    assert (whole.stderr, whole.items, whole.direction) == (0.0, 0, "minimize")
    candidate.model.lm_head.weight = candidate.model.model.embed_tokens.weight
    assert scorer.score(candidate).value == whole.value - candidate.model.lm_head.weight.numel()


def test_each_has_a_digest_of_what_it_scores(
    made: dict[str, Objective],
    first_model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    tmp_path: Path,
) -> None:
    folder = write_files(tmp_path)
    for file in ("text.txt", "prompts.txt", "prompts.jsonl", "code.py"):
        path = folder / file
        path.write_text(path.read_text().replace("a", "b", 1))
    again = make_objectives(
        SPECS, first_model, tokenizer, None, seed=0, folder=folder, allow_code=True
    )
    for each in again:
        digest = getattr(each, "digest")  # noqa: B009 (not part of the protocol)
        assert len(digest) == 32
        assert digest != getattr(made[each.name], "digest")  # noqa: B009


def test_drift_without_a_parent_is_said_so(
    made: dict[str, Objective], candidate: Candidate, make_model: Callable[[int], Any]
) -> None:
    assert isinstance(made["drift"], DriftScorer)
    calls: list[str] = []
    made["drift"].prepare(lambda name: calls.append(name) or make_model(1))  # type: ignore[func-returns-value]
    assert calls == []  # it was prepared: a parent is looked at once
