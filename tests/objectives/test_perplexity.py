"""Perplexity of a file: lm-eval's own number, windows that score each token once, its error."""

import math
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import TaskError, TrialError
from optimerge.objectives.context import Context
from optimerge.objectives.live import LiveModel
from optimerge.objectives.perplexity import PerplexityScorer, windows
from optimerge.objectives.protocol import Candidate
from optimerge.space.objective_kinds.perplexity import PerplexityObjective

WORDS = [*"0123456789", *"abcdefghijklmnop"]
TEXT = " ".join(Random(3).choices(WORDS, k=150)) + "\n"


@pytest.fixture
def scorer(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> Any:
    (tmp_path / "text.txt").write_text(TEXT)

    def make(**more: Any) -> PerplexityScorer:
        spec = PerplexityObjective(perplexity="text.txt", **more)
        return PerplexityScorer("ppl", spec, Context(model.config, tokenizer, tmp_path))

    return make


def token_losses(model: LlamaForCausalLM, ids: list[int], size: int, stride: int) -> list[float]:
    """One token at a time, by the definition: no batch, no window of several targets."""
    found = []
    for target in range(1, len(ids)):
        block = 0 if target <= size else 1 + (target - size - 1) // stride
        end = min(len(ids) - 1, size + block * stride)
        seen = torch.tensor([ids[max(0, end - size) : target]])
        with torch.no_grad():
            found.append(-float(model(seen).logits[0, -1].log_softmax(-1)[ids[target]]))
    return found


@pytest.mark.parametrize(("size", "stride"), [(48, 48), (16, 16), (16, 5), (40, 1)])
def test_every_token_is_scored_once_from_its_window(
    scorer: Any,
    candidate: Candidate,
    tokenizer: PreTrainedTokenizerFast,
    size: int,
    stride: int,
) -> None:
    ids = [2, *tokenizer(TEXT)["input_ids"]]
    losses = token_losses(candidate.model, ids, size, stride)  # type: ignore[arg-type]  # a Llama
    found = scorer(context=size, stride=stride).score(candidate)
    assert len(losses) == 150
    assert found.value == pytest.approx(math.exp(sum(losses) / 150), rel=1e-5)
    assert found.items == 1 + math.ceil((150 - size) / stride)


@pytest.mark.parametrize(("per", "units"), [("token", 150), ("word", 150), ("byte", len(TEXT))])
def test_with_the_models_own_context_it_is_lm_evals_rolling_number(
    scorer: Any, candidate: Candidate, tokenizer: PreTrainedTokenizerFast, per: str, units: int
) -> None:
    from lm_eval.api.instance import Instance

    live = LiveModel(candidate.model, tokenizer, batch_size=4)
    request = Instance("loglikelihood_rolling", {}, (TEXT,), 0)
    (total,) = live.lm.loglikelihood_rolling([request], disable_tqdm=True)
    found = scorer(per=per).score(candidate)
    assert found.value == pytest.approx(math.exp(-float(total) / units), rel=1e-5)


def test_windows_cover_what_they_should() -> None:
    tokens = list(range(100, 151))
    for size in (1, 3, 7, 50, 80):
        for stride in range(1, size + 1):
            cut = windows(tokens, size, stride)
            targets = [token for row, count in cut for token in row[-count:]]
            assert targets == tokens[1:]
            assert all(len(row) <= size + 1 for row, _ in cut)


def test_the_error_is_the_spread_of_repeated_texts(
    candidate: Candidate, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    """Over many texts drawn alike, values lie as far apart as the errors say."""
    values, errors = [], []
    for seed in range(40):
        text = " ".join(Random(seed).choices(WORDS, k=320))
        (tmp_path / "text.txt").write_text(text)
        spec = PerplexityObjective(perplexity="text.txt", context=16)
        context = Context(candidate.model.config, tokenizer, tmp_path)
        score = PerplexityScorer("ppl", spec, context).score(candidate)
        values.append(score.value)
        errors.append(score.stderr)
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
    assert spread == pytest.approx(sum(errors) / len(errors), rel=0.35)


def test_one_window_has_no_error(
    candidate: Candidate, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text("a b c")
    context = Context(candidate.model.config, tokenizer, tmp_path)
    score = PerplexityScorer("ppl", PerplexityObjective(perplexity="text.txt"), context).score(
        candidate
    )
    assert (score.items, score.stderr) == (1, None)


def test_weights_that_give_nan_or_no_finite_number_fail_the_trial(
    scorer: Any, candidate: Candidate
) -> None:
    made = scorer()
    with torch.no_grad():
        candidate.model.lm_head.weight *= 1e6
    with pytest.raises(TrialError, match=r"'ppl'.*perplexity of text.txt is infinite"):
        made.score(candidate)
    with torch.no_grad():
        candidate.model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(TrialError, match=r"'ppl'.*is NaN"):
        made.score(candidate)


@pytest.mark.parametrize(
    ("content", "more", "words"),
    [
        (None, {}, "text.txt: no such file"),
        (b"\xff\xfe", {}, "is not UTF-8 text"),
        (b" \n", {}, "is empty"),
        (b"a b", {"context": 99}, "context 99 is more than the 48 tokens"),
        (b"a b", {"stride": 60}, "stride 60 is above context 48"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    tmp_path: Path,
    content: bytes | None,
    more: dict[str, Any],
    words: str,
) -> None:
    if content is not None:
        (tmp_path / "text.txt").write_bytes(content)
    spec = PerplexityObjective(perplexity="text.txt", **more)
    with pytest.raises(TaskError, match="objective 'ppl': ") as caught:
        PerplexityScorer("ppl", spec, Context(model.config, tokenizer, tmp_path))
    assert words in str(caught.value)
