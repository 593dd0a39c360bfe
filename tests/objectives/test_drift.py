"""Drift: zero for the parent itself, the exact divergence for others, bounded memory."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TaskError, TrialError
from optimerge.objectives.context import Context
from optimerge.objectives.drift import DriftScorer, spread
from optimerge.objectives.protocol import Candidate
from optimerge.space.objective_kinds.drift import DriftObjective

PROMPTS = ["a b c d e f", "0 1", "g h i j", "5"]


@pytest.fixture
def scorer(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> Any:
    def make(prompts: list[str] = PROMPTS, prepare: bool = True, **more: Any) -> DriftScorer:
        (tmp_path / "p.txt").write_text("\n".join(prompts))
        context = Context(model.config, tokenizer, tmp_path)
        made = DriftScorer("drift", DriftObjective(drift="p.txt", **more), context)
        if prepare:
            made.prepare(lambda name: model)
        return made

    return make


@pytest.fixture
def other(model: LlamaForCausalLM) -> LlamaForCausalLM:
    found = copy.deepcopy(model)
    with torch.no_grad():
        for weight in found.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(4))
    return found


def divergences(parent: Any, model: Any, ids: list[int]) -> list[float]:
    """By the definition, in float64, one prompt at a time without padding."""
    with torch.no_grad():
        p, q = (m(torch.tensor([ids])).logits[0].double().log_softmax(-1) for m in (parent, model))
    return [float((a.exp() * (a - b)).sum()) for a, b in zip(p, q, strict=True)]


def test_a_parent_has_not_drifted_from_itself(scorer: Any, candidate: Candidate) -> None:
    score = scorer().score(candidate)
    assert (score.value, score.stderr, score.items) == (0.0, 0.0, 4)
    assert score.direction == "minimize"


def test_it_is_the_mean_divergence_over_all_tokens(
    scorer: Any,
    candidate: Candidate,
    other: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    rows = [
        divergences(candidate.model, other, tokenizer(prompt)["input_ids"]) for prompt in PROMPTS
    ]
    tokens = [each for row in rows for each in row]
    score = scorer().score(Candidate(other, candidate.stats))
    mean = sum(tokens) / len(tokens)
    assert score.value == pytest.approx(mean, rel=1e-4)
    assert score.value > 0.01
    squares = sum((sum(row) - mean * len(row)) ** 2 for row in rows)
    assert score.stderr == pytest.approx(math.sqrt(squares * 4 / 3) / len(tokens), rel=1e-3)


def test_chosen_positions_are_those_of_the_prompts(
    scorer: Any,
    candidate: Candidate,
    other: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    places = spread([6, 2, 4, 1], 7)
    assert sum(map(len, places)) == 7
    rows = [divergences(candidate.model, other, tokenizer(p)["input_ids"]) for p in PROMPTS]
    chosen = [row[i] for row, own in zip(rows, places, strict=True) for i in own]
    made = scorer(max_tokens=7)
    assert made.score(Candidate(other, candidate.stats)).value == pytest.approx(
        sum(chosen) / 7, rel=1e-4
    )
    assert (
        sum(part.numel() for part in made._kept.values()) == 7 * candidate.model.config.vocab_size
    )
    assert "7 of 13 tokens of 4 prompts" in made.facts


def test_positions_are_spread_evenly_and_never_more_than_asked() -> None:
    for lengths in ([5, 1, 9, 30], [100] * 7, [3]):
        for most in (len(lengths), 11, 40, 1000):
            places = spread(lengths, most)
            assert sum(map(len, places)) == min(most, sum(lengths))
            for own, length in zip(places, lengths, strict=True):
                assert own == sorted(set(own))
                assert own[-1] == length - 1
                gaps = {b - a for a, b in zip([-1, *own], own, strict=False)}
                assert max(gaps) - min(gaps) <= 1


def test_what_the_parent_rules_out_adds_nothing_and_what_the_candidate_rules_out_fails(
    scorer: Any, candidate: Candidate, model: LlamaForCausalLM, other: LlamaForCausalLM
) -> None:
    class Masked:
        """A model whose head never says one token."""

        def __init__(self, inner: LlamaForCausalLM) -> None:
            self.inner, self.device, self.config = inner, inner.device, inner.config

        def named_modules(self) -> Any:
            return self.inner.named_modules()

        def modules(self) -> Any:
            return self.inner.modules()

        def eval(self) -> None:
            self.inner.eval()

        def __call__(self, *ids: Any, **inputs: Any) -> Any:
            found = self.inner(*ids, **inputs)
            found.logits[..., 3] = -math.inf
            return found

    made = scorer(prepare=False)
    made.prepare(lambda name: Masked(model))
    assert math.isfinite(made.score(Candidate(other, candidate.stats)).value)
    with pytest.raises(TrialError, match="the drift is inf"):
        scorer().score(Candidate(Masked(other), candidate.stats))  # type: ignore[arg-type]


def test_nan_weights_fail_the_trial(scorer: Any, candidate: Candidate) -> None:
    made = scorer()
    with torch.no_grad():
        candidate.model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(TrialError, match="the drift is nan"):
        made.score(candidate)
    with pytest.raises(TrialError, match="the logits of base are NaN"):
        scorer()


def test_the_parent_must_be_looked_at_first_and_only_once(
    scorer: Any, candidate: Candidate, model: LlamaForCausalLM
) -> None:
    made, asked = scorer(prepare=False, to="red"), []
    with pytest.raises(TrialError, match="not there yet"):
        made.score(candidate)
    for _ in range(2):
        made.prepare(lambda name: asked.append(name) or model)
    assert asked == ["red"]


@pytest.mark.parametrize(
    ("file", "content", "more", "words"),
    [
        ("p.jsonl", '{"prompt": "a"}\n{"prompt": 3}\n', {}, 'line 2: has no text under "prompt"'),
        ("p.jsonl", '{"prompt": "a"}\n\n["a"]\n', {}, "line 3: has no text"),
        ("p.jsonl", "a b\n", {}, "line 1: is not JSON"),
        ("p.txt", "a b\n", {"chat_template": True}, "set chat_template: false"),
        ("q.txt", None, {}, "no such file"),
    ],
)
def test_prompts_that_cannot_be_read_are_one_sentence(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    tmp_path: Path,
    file: str,
    content: str | None,
    more: dict[str, Any],
    words: str,
) -> None:
    if content is not None:
        (tmp_path / file).write_text(content)
    with pytest.raises(TaskError, match="objective 'drift': ") as caught:
        DriftScorer(
            "drift",
            DriftObjective(drift=file, **more),
            Context(model.config, tokenizer, tmp_path),
        )
    assert words in str(caught.value)
