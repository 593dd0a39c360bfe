"""No cache outlives the weights that it was made with; the test sees one that does."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from optimerge.errors import TaskError, TrialError
from optimerge.objectives.generation.continuous import ContinuousWriting
from optimerge.objectives.generation.static import StaticWriting
from optimerge.objectives.guard import evaluation_mode, lm_eval_seeds
from optimerge.objectives.halving import Rows
from optimerge.objectives.live import LiveModel

PAGE = 8
"""A page is shared when it is full: larger ones never are on prompts as short as these."""
GREEDY = {"until": ["Q:"], "do_sample": False, "max_gen_toks": 4}


def write(writing: Any, model: LlamaForCausalLM) -> list[str]:
    with lm_eval_seeds(), evaluation_mode(model):
        return list(writing.write(model))


def other_weights(model: LlamaForCausalLM, make_model: Callable[[int], Any]) -> None:
    """In place, as a candidate is written."""
    with torch.no_grad():
        for old, new in zip(model.parameters(), make_model(7).parameters(), strict=True):
            old.copy_(new)


def shared(asked: Callable[..., Any]) -> Any:
    """Prompts with a long common start: what a prefix cache keeps."""
    requests = asked(GREEDY, count=5)
    for each in requests:
        text, kwargs = each.arguments
        each.arguments = ("Q: " + "a b c d e f g h " * 4 + text.split()[-2] + " A:", kwargs)
    return requests


@pytest.mark.parametrize("batching", ["static", pytest.param("continuous", marks=pytest.mark.slow)])
def test_a_candidate_answers_by_its_own_weights(
    live: LiveModel,
    model: LlamaForCausalLM,
    make_model: Callable[[int], LlamaForCausalLM],
    asked: Callable[..., Any],
    batching: str,
) -> None:
    requests = shared(asked)
    writing: Any = (
        ContinuousWriting(live, requests, page=PAGE)
        if batching == "continuous"
        else StaticWriting(live, requests, Rows(4))
    )
    first = write(writing, model)
    assert first == write(StaticWriting(live, requests, Rows(4)), model)
    other_weights(model, make_model)
    second = write(writing, model)
    assert second == write(StaticWriting(live, requests, Rows(4)), make_model(7))
    assert second != first


@pytest.mark.slow
def test_a_manager_that_lives_on_would_be_seen(
    live: LiveModel,
    model: LlamaForCausalLM,
    make_model: Callable[[int], LlamaForCausalLM],
    asked: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fault that the test above guards against, planted."""
    generate = type(model).generate_batch

    def keep(self: Any, *inputs: Any, **more: Any) -> Any:
        return generate(self, *inputs, **{**more, "persistent_manager": True})

    monkeypatch.setattr(type(model), "generate_batch", keep)
    requests = shared(asked)
    writing = ContinuousWriting(live, requests, page=PAGE)
    try:
        write(writing, model)
        other_weights(model, make_model)
        stale = write(writing, model)
    finally:
        model.destroy_cached_continuous_batching_manager()
    assert stale != write(StaticWriting(live, requests, Rows(4)), make_model(7))


@pytest.mark.parametrize(
    ("kwargs", "why"),
    [({"do_sample": True, "temperature": 1.0}, "at random"), ({"num_beams": 2}, "sets num_beams")],
)
def test_what_continuous_batching_cannot_is_said_at_the_start(
    live: LiveModel, asked: Callable[..., Any], kwargs: dict[str, Any], why: str
) -> None:
    with pytest.raises(TaskError, match=rf"task 'ask'.*{why}.*batching: static"):
        ContinuousWriting(live, asked({**kwargs, "max_gen_toks": 4}))


def test_a_model_that_changes_logits_by_its_own_configuration_is_refused(
    live: LiveModel, model: LlamaForCausalLM, asked: Callable[..., Any]
) -> None:
    """lm-eval's generation heeds it; a configuration made anew would not."""
    model.generation_config.repetition_penalty = 1.6
    live.point_at(model)
    with pytest.raises(TaskError, match=r"generation_config sets repetition_penalty.*static"):
        ContinuousWriting(live, asked(GREEDY))


def test_nan_prompts_fail_continuous_batching(
    live: LiveModel, model: LlamaForCausalLM, asked: Callable[..., Any]
) -> None:
    writing = ContinuousWriting(live, asked(GREEDY, count=2))
    with torch.no_grad():
        model.model.layers[0].self_attn.o_proj.weight[0, 0] = float("inf")
    with pytest.raises(TrialError, match=r"not finite from 'model.layers.0.self_attn.o_proj"):
        write(writing, model)
