"""Texts are those of lm-eval's generate_until, whatever the settings, memory or history."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from lm_eval.models.huggingface import HFLM
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TrialError
from optimerge.objectives.generation import batches as made_batches
from optimerge.objectives.generation.static import StaticWriting
from optimerge.objectives.guard import evaluation_mode, lm_eval_seeds
from optimerge.objectives.halving import Rows
from optimerge.objectives.live import LiveModel

GREEDY = {"until": ["Q:"], "do_sample": False, "max_gen_toks": 8}
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "greedy": [GREEDY],
    "no stop string": [{"max_gen_toks": 6}],
    "several stop strings": [{"until": ["a", "b c", "7"], "max_gen_toks": 12}],
    "temperature 0": [{"until": "e", "temperature": 0.0, "max_gen_toks": 5}],
    "sampled": [{"until": ["Q:"], "do_sample": True, "temperature": 0.8, "max_gen_toks": 6}],
    "nucleus": [
        {"do_sample": True, "temperature": 1.0, "top_p": 0.7, "top_k": 5, "max_gen_toks": 6}
    ],
    "beams": [{"num_beams": 3, "do_sample": False, "max_gen_toks": 6}],
    "penalty": [{"repetition_penalty": 1.4, "max_gen_toks": 9}],
    "two kinds": [GREEDY, {"until": ["c"], "max_gen_toks": 3}],
}


def write(writing: StaticWriting, model: LlamaForCausalLM) -> list[str]:
    with lm_eval_seeds(), evaluation_mode(model):
        return writing.write(model)


def by_lm_eval(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, requests: Any, rows: int
) -> list[str]:
    lm = HFLM(pretrained=model, tokenizer=copy.deepcopy(tokenizer), batch_size=rows, max_length=48)
    with lm_eval_seeds():
        return list(lm.generate_until(requests, disable_tqdm=True))


def scale(model: LlamaForCausalLM, by: float) -> None:
    """Write other weights into the same tensors, as the merge engine does."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                generator = torch.Generator().manual_seed(int(by * 10))
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)


@pytest.mark.parametrize("kind", SETTINGS)
def test_texts_are_those_of_lm_eval(
    live: LiveModel,
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    asked: Callable[..., Any],
    kind: str,
) -> None:
    requests = asked(*SETTINGS[kind])
    writing = StaticWriting(live, requests, Rows(4))
    found = write(writing, model)
    assert found == by_lm_eval(model, tokenizer, requests, 4)
    assert len(set(found)) > 3
    scale(model, 2.0)
    later = write(writing, model)
    assert later != found
    assert later == by_lm_eval(model, tokenizer, requests, 4)


def test_prompts_are_tokenised_once(
    live: LiveModel, model: LlamaForCausalLM, asked: Callable[..., Any]
) -> None:
    writing = StaticWriting(live, asked(GREEDY), Rows(4))
    tokenizer, live.lm.tok_batch_encode = live.lm.tok_batch_encode, None
    assert any(write(writing, model))
    live.lm.tok_batch_encode = tokenizer


@pytest.mark.parametrize("kind", ["greedy", "sampled"])
def test_out_of_memory_halves_the_rows_for_good_and_begins_again(
    live: LiveModel,
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    asked: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    requests, rows, seen = asked(*SETTINGS[kind]), Rows(8), list[int]()
    wanted = by_lm_eval(model, tokenizer, requests, 2)
    generate = type(live.lm)._model_generate

    def small(self: Any, context: torch.Tensor, **more: Any) -> Any:
        seen.append(len(context))
        # The first batch has room, so that random numbers were drawn before memory ends.
        if len(context) > 2 and len(seen) != 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(self, context, **more)

    monkeypatch.setattr(type(live.lm), "_model_generate", small)
    writing = StaticWriting(live, requests, rows)
    assert write(writing, model) == wanted
    assert rows.most == 2
    assert seen[:4] == [8, 5, 2, 2]
    seen.clear()
    assert write(writing, model) == wanted
    assert max(seen) == 2


def test_a_row_that_is_too_much_alone_fails_and_the_next_candidate_is_fine(
    live: LiveModel,
    model: LlamaForCausalLM,
    asked: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    writing = StaticWriting(live, asked(GREEDY), Rows(4))
    with monkeypatch.context() as patch:
        patch.setattr(type(live.lm), "_model_generate", none)
        with pytest.raises(torch.OutOfMemoryError):
            write(writing, model)
    assert len(write(writing, model)) == 13


@pytest.mark.parametrize("kind", ["greedy", "sampled"])
def test_nan_is_a_failed_trial_that_names_the_layer(
    live: LiveModel, model: LlamaForCausalLM, asked: Callable[..., Any], kind: str
) -> None:
    writing = StaticWriting(live, asked(*SETTINGS[kind]), Rows(4))
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[3, 3] = float("nan")
    bad = "model.layers.1.mlp.up_proj.weight"
    with pytest.raises(TrialError, match=rf"task 'ask'.*NaN or infinite, not finite from '{bad}'"):
        write(writing, model)


def test_nan_that_comes_only_with_a_written_token_is_found(
    live: LiveModel, model: LlamaForCausalLM, asked: Callable[..., Any]
) -> None:
    requests = asked(GREEDY)
    writing = StaticWriting(live, requests, Rows(4))
    said = {word for text in write(writing, model) for word in text.split()}
    asked_about = {word for each in requests for word in each.args[0].split()}
    fresh = sorted(said - asked_about)
    # `<unk>` and the like are never in a prompt; without one the test would show nothing.
    word = fresh[0] if fresh else None
    if word is None:
        requests = [each for each in requests if "a" not in each.args[0].split()]
        word = "a"
    row = live.lm.tokenizer.convert_tokens_to_ids(word)
    with torch.no_grad():
        model.model.embed_tokens.weight[row] = float("nan")
    with pytest.raises(TrialError, match=r"not finite from 'model.embed_tokens.weight'"):
        write(writing, model)


def test_empty_answers_are_texts_too(
    live: LiveModel, model: LlamaForCausalLM, asked: Callable[..., Any]
) -> None:
    writing = StaticWriting(live, asked(GREEDY), Rows(4))
    with torch.no_grad():
        model.lm_head.weight.zero_()
        model.lm_head.weight[2] = 1.0  # the end token is likeliest or the first of equals
        model.model.norm.weight.abs_()
        model.lm_head.weight[2] = model.model.norm.weight * 0
    found = write(writing, model)
    assert found == [""] * 13


def test_settings_say_whether_tokens_are_drawn() -> None:
    for rest, drawn in (
        ({}, False),
        ({"do_sample": True}, True),
        ({"do_sample": False}, False),
        ({"temperature": 0.0}, False),
        ({"temperature": 0.5}, True),
    ):
        assert made_batches.Settings((), 1, rest).samples is drawn
