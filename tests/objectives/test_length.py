"""Answer length: that of greedy answers made one by one, from the weights as they are now."""

import copy
import json
from pathlib import Path
from random import Random
from statistics import fmean, stdev
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TaskError, TrialError
from optimerge.objectives import length as length_module
from optimerge.objectives.context import Context
from optimerge.objectives.length import LengthScorer
from optimerge.objectives.protocol import Candidate
from optimerge.space.objective_kinds.length import LengthObjective

END = 2
RNG = Random(1)
PROMPTS = [" ".join(RNG.choices("abcdefgh0123", k=RNG.randint(1, 12))) for _ in range(12)]


@pytest.fixture
def make(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> Any:
    (tmp_path / "p.jsonl").write_text("".join(json.dumps({"prompt": p}) + "\n" for p in PROMPTS))

    def made(most: int = 20, tokenizer: Any = tokenizer, **more: Any) -> LengthScorer:
        spec = LengthObjective(length="p.jsonl", max_new_tokens=most, **more)
        return LengthScorer("length", spec, Context(model.config, tokenizer, tmp_path))

    return made


def answer_length(model: LlamaForCausalLM, ids: list[int], most: int) -> int:
    """By the definition: no cache, no batch, no padding, no generate."""
    said = list(ids)
    for count in range(most):
        with torch.no_grad():
            token = int(model(torch.tensor([said])).logits[0, -1].argmax())
        if token == END:
            return count
        said.append(token)
    return most


def lengths_of(model: Any, tokenizer: Any, most: int) -> list[int]:
    return [answer_length(model, tokenizer(prompt)["input_ids"], most) for prompt in PROMPTS]


def test_it_is_the_mean_of_answers_made_one_by_one(
    make: Any,
    candidate: Candidate,
    tokenizer: PreTrainedTokenizerFast,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with torch.no_grad():
        candidate.model.lm_head.weight[END] *= 1.7  # so that answers end at different places
    lengths = lengths_of(candidate.model, tokenizer, 20)
    assert len(set(lengths)) > 2
    monkeypatch.setattr(length_module, "ROWS", 5)  # batches, the last not full
    score = make().score(candidate)
    assert score.value == fmean(lengths)
    assert score.stderr == pytest.approx(stdev(lengths) / 12**0.5)
    assert (score.items, score.direction) == (12, "minimize")


def test_no_answer_outlives_the_weights(
    make: Any, candidate: Candidate, tokenizer: PreTrainedTokenizerFast
) -> None:
    scorer, first = make(), copy.deepcopy(candidate.model)
    scorer.score(candidate)
    with torch.no_grad():
        for weight in candidate.model.parameters():
            weight.copy_(weight.flip(0))
        candidate.model.lm_head.weight[END] *= 2
    assert scorer.score(candidate).value == fmean(lengths_of(candidate.model, tokenizer, 20))
    candidate.model.load_state_dict(first.state_dict())
    assert scorer.score(candidate).value == fmean(lengths_of(first, tokenizer, 20))


def test_a_cached_answer_would_be_seen(
    make: Any,
    candidate: Candidate,
    tokenizer: PreTrainedTokenizerFast,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The plant for the test above: with the first candidate's keys and values it fails."""
    from transformers import DynamicCache

    kept: list[Any] = []
    generate = type(candidate.model).generate

    def stale(model: Any, **options: Any) -> Any:
        if not kept:
            kept.append(DynamicCache(config=model.config))
            mask = options["attention_mask"][:, :-1]
            places = (mask.cumsum(-1) - 1).clamp(min=0)
            inputs = {"attention_mask": mask, "position_ids": places, "past_key_values": kept[0]}
            with torch.no_grad():
                model(options["input_ids"][:, :-1], **inputs)
        return generate(model, past_key_values=copy.deepcopy(kept[0]), **options)

    right = make().score(candidate).value
    monkeypatch.setattr(type(candidate.model), "generate", stale)
    assert make().score(candidate).value == right  # of the first weights it answers well
    kept.clear()
    with pytest.raises(AssertionError):
        test_no_answer_outlives_the_weights(make, candidate, tokenizer)


def test_longer_may_be_better(make: Any, candidate: Candidate) -> None:
    assert make(direction="maximize").score(candidate).direction == "maximize"


def test_a_chat_template_is_put_around_the_prompts(
    make: Any, tokenizer: PreTrainedTokenizerFast
) -> None:
    chat = copy.deepcopy(tokenizer)
    chat.chat_template = (
        "{% for m in messages %}Q: {{m.content}}{% endfor %}"
        "{% if add_generation_prompt %} A:{% endif %}"
    )
    made = make(tokenizer=chat, chat_template=True)
    assert [chat.decode(row) for row in made._rows] == [f"Q: {prompt} A:" for prompt in PROMPTS]


def test_nan_weights_fail_the_trial(make: Any, candidate: Candidate) -> None:
    with torch.no_grad():
        candidate.model.lm_head.weight[5] = float("nan")
    with pytest.raises(TrialError, match="'length': the model's logits are NaN"):
        make().score(candidate)


def test_what_has_no_room_or_no_end_is_one_sentence(
    make: Any, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    with pytest.raises(TaskError, match=r"12 tokens and max_new_tokens is 40, more than the 48"):
        make(most=40)
    endless = copy.deepcopy(tokenizer)
    endless.eos_token = None
    model.config.eos_token_id = None
    with pytest.raises(TaskError, match="has no eos_token, so no answer ends"):
        make(tokenizer=endless)
