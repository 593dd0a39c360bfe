"""A worker with a stand-in for vLLM gives the candidate's own texts, whatever befalls it."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TaskError, TrialError
from optimerge.objectives.generation.consent import check_consent
from optimerge.objectives.generation.remote import model as remote_model
from optimerge.objectives.generation.remote.model import RemoteModel, buckets, checkpoint_tensors
from optimerge.objectives.generation.remote.writing import RemoteWriting
from optimerge.objectives.generation.static import StaticWriting
from optimerge.objectives.guard import evaluation_mode, lm_eval_seeds
from optimerge.objectives.halving import Rows
from optimerge.objectives.live import LiveModel
from optimerge.objectives.make import make_objectives
from optimerge.space.generation import Generation, Vllm
from optimerge.space.objectives import TaskObjective
from optimerge.space.schema import SearchSettings

GREEDY = {"until": ["Q:", "g"], "do_sample": False, "max_gen_toks": 6}
STAND_IN = Path(__file__).with_name("stand_in")


class Watched:
    """The worker as the stand-in sees it."""

    def __init__(self, folder: Path, light: str = "") -> None:
        self.log, self.fault = folder / "log.jsonl", folder / "fault"
        # vLLM's own Python, as far as the search can tell: it finds a `vllm` that ours does not.
        self.python = folder / "python"
        self.python.write_text(
            f"#!/bin/sh\n{light} PYTHONPATH='{STAND_IN}' FAKE_VLLM_LOG='{self.log}' "
            f"FAKE_VLLM_FAULT='{self.fault}' exec '{sys.executable}' \"$@\"\n"
        )
        self.python.chmod(0o755)

    def told(self, *kinds: str) -> list[dict[str, Any]]:
        if not self.log.exists():
            return []
        found = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [each for each in found if not kinds or each["what"] in kinds]

    def goes_wrong(self, how: str) -> None:
        self.fault.write_text(how)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


@pytest.fixture
def remote(live: LiveModel, watched: Watched) -> Iterator[RemoteModel]:
    made = RemoteModel(live, Vllm(python=str(watched.python), arguments={"max_num_seqs": 4}))
    yield made
    made.close()


def write(writing: Any, model: LlamaForCausalLM) -> list[str]:
    with lm_eval_seeds(), evaluation_mode(model):
        return list(writing.write(model))


def other_weights(model: LlamaForCausalLM, new: LlamaForCausalLM) -> None:
    with torch.no_grad():
        for mine, theirs in zip(model.parameters(), new.parameters(), strict=True):
            mine.copy_(theirs)


@pytest.mark.slow
def test_every_candidate_is_answered_by_its_own_weights(
    live: LiveModel,
    model: LlamaForCausalLM,
    remote: RemoteModel,
    watched: Watched,
    make_model: Callable[[int], LlamaForCausalLM],
    asked: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote_model, "BUCKET", 4000)
    requests = asked(GREEDY)
    writing = RemoteWriting(live, requests, remote)
    here = StaticWriting(live, requests, Rows(4))
    first = write(writing, model)
    assert first == write(here, model)
    pid = remote.pid
    write(writing, model)  # the same candidate: nothing is sent again
    other_weights(model, make_model(7))
    remote.stale = True
    second = write(writing, model)
    assert second == write(here, model)
    assert second != first
    assert remote.pid == pid
    whats = [each["what"] for each in watched.told()]
    calls = [what for i, what in enumerate(whats) if i == 0 or whats[i - 1] != what]
    update = ["weights", "reset", "generate"]
    assert calls == ["start", *update, *update]
    assert whats.count("weights") > 4
    sent = [name for each in watched.told("weights") for name in each["names"]]
    assert sorted(sent) == sorted([name for name, _ in model.named_parameters()] * 2)
    (start,) = watched.told("start")
    assert (start["dtype"], start["max_model_len"]) == ("float32", 48)
    assert start["more"] == {"max_num_seqs": 4}


@pytest.mark.slow
def test_a_cache_that_is_not_forgotten_would_be_seen(
    live: LiveModel,
    model: LlamaForCausalLM,
    remote: RemoteModel,
    watched: Watched,
    make_model: Callable[[int], LlamaForCausalLM],
    asked: Callable[..., Any],
) -> None:
    """The fault that the test above guards against, planted."""
    requests = asked(GREEDY)
    writing = RemoteWriting(live, requests, remote)
    write(writing, model)
    other_weights(model, make_model(7))
    remote.stale = True
    watched.goes_wrong("no reset")
    stale = write(writing, model)
    assert stale != write(StaticWriting(live, requests, Rows(4)), model)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("die", r"ended while it was to weights, exit code 9.*CUDA error: an illegal memory"),
        pytest.param("sleep", r"did not generate within 2 seconds", marks=pytest.mark.slow),
        pytest.param(
            "no start",
            r"failed to start \(ValueError: no room for the key-value cache\)",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_worker_that_fails_is_a_failed_trial_and_is_started_anew(
    live: LiveModel,
    model: LlamaForCausalLM,
    tmp_path: Path,
    asked: Callable[..., Any],
    how: str,
    why: str,
) -> None:
    watched = Watched(tmp_path, light="FAKE_VLLM_LIGHT=1")
    seconds = 2.0 if how == "sleep" else 60.0
    remote = RemoteModel(live, Vllm(python=str(watched.python), answer_seconds=seconds))
    writing = RemoteWriting(live, asked(GREEDY, count=3), remote)
    watched.goes_wrong(how)
    with pytest.raises(TrialError, match=f"the vLLM worker {why}"):
        write(writing, model)
    assert remote.pid is None
    for pid in {each["pid"] for each in watched.told()}:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    watched.fault.unlink()
    watched.log.unlink(missing_ok=True)
    assert write(writing, model) == ["li"] * 3  # cut at a stop string
    whats = [each["what"] for each in watched.told()]
    assert whats == ["start", "weights", "reset", "generate"]
    remote.close()


def test_nan_never_reaches_the_worker(
    live: LiveModel,
    model: LlamaForCausalLM,
    remote: RemoteModel,
    watched: Watched,
    asked: Callable[..., Any],
) -> None:
    writing = RemoteWriting(live, asked(GREEDY, count=3), remote)
    with torch.no_grad():
        model.model.norm.weight[0] = float("nan")
    with pytest.raises(TrialError, match=r"not finite from 'model.norm.weight' on"):
        write(writing, model)
    assert watched.told() == []


def test_a_python_that_is_not_there_is_a_mistake_of_the_space(
    live: LiveModel, model: LlamaForCausalLM, asked: Callable[..., Any]
) -> None:
    remote = RemoteModel(live, Vllm(python="/absent/python"))
    with pytest.raises(TaskError, match=r"vllm.python: /absent/python cannot be run.*name the"):
        write(RemoteWriting(live, asked(GREEDY, count=2), remote), model)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [({"model": "x"}, "model is set by optimerge"), ({"tensor_parallel_size": 2}, "one device")],
)
def test_arguments_that_cannot_be_are_refused(
    live: LiveModel, arguments: dict[str, Any], why: str
) -> None:
    with pytest.raises(TaskError, match=why):
        RemoteModel(live, Vllm(python="python", arguments=arguments))


def test_a_program_is_run_only_with_consent() -> None:
    named = Generation(vllm=Vllm(python="/opt/vllm/bin/python"))
    with pytest.raises(TaskError, match=r"/opt/vllm/bin/python is a program to run.*--allow-code"):
        check_consent(named, allow_code=False)
    check_consent(named, allow_code=True)
    check_consent(Generation(), allow_code=False)


def test_settings_that_vllm_has_not_are_refused(
    live: LiveModel, remote: RemoteModel, asked: Callable[..., Any]
) -> None:
    requests = asked({"num_beams": 3, "max_gen_toks": 4}, count=2)
    with pytest.raises(TaskError, match=r"task 'ask' sets num_beams in generation_kwargs"):
        RemoteWriting(live, requests, remote)


def test_tied_weights_are_sent_once_and_buckets_hold_everything(
    model: LlamaForCausalLM,
) -> None:
    model.lm_head.weight = model.model.embed_tokens.weight
    tensors = list(checkpoint_tensors(model))
    assert "lm_head.weight" not in dict(tensors)
    assert len(tensors) == len(list(model.named_parameters()))
    for most in (1, 3000, 1 << 30):
        cut = list(buckets(iter(tensors), most))
        assert [name for bucket in cut for name, _ in bucket] == [name for name, _ in tensors]
        assert all(len(b) == 1 or sum(t.nbytes for _, t in b) <= most for b in cut)


def test_a_space_with_vllm_is_refused_without_consent(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tasks: Path
) -> None:
    block = SearchSettings.model_validate({"generation": {"vllm": {"python": "/opt/python"}}})
    with pytest.raises(TaskError, match=r"--allow-code"):
        make_objectives(
            [TaskObjective(task="say")], model, tokenizer, tasks, 0, generation=block.generation
        )


def test_two_ways_of_batching_are_a_mistake() -> None:
    both = {"generation": {"vllm": {"python": "python"}, "batching": "continuous"}}
    with pytest.raises(ValidationError, match="leave batching out"):
        SearchSettings.model_validate(both)
