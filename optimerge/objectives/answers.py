"""The live model as lm-eval sees it, and plans: requests made ready once, answered often."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimerge.errors import TaskError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Tokens = tuple[Any, list[int], list[int]]
"""A request as lm-eval's model takes it: its text or None, context ids, continuation ids."""


class LiveModel:
    """lm-eval's own Hugging Face model class, set on whatever model is to be scored.

    Log-softmax is in float32 whatever the model's dtype. lm-eval's default is the model's: in
    bfloat16 that leaves a log-likelihood near -200 with steps of 1. In float32 it is the same.
    """

    def __init__(
        self, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", batch_size: int
    ) -> None:
        from lm_eval.models.huggingface import HFLM
        from lm_eval.models.utils import resolve_max_length

        if tokenizer.eos_token_id is None:
            raise TaskError(
                f"the tokenizer {tokenizer.name_or_path!r} has no eos_token, which lm-eval needs; "
                "set eos_token in its tokenizer_config.json"
            )
        # lm-eval gives a tokenizer without a pad token one: to a copy, ours may be exported.
        self.lm: Any = HFLM(
            pretrained=model,
            tokenizer=copy.deepcopy(tokenizer),
            batch_size=batch_size,
            max_length=resolve_max_length(model.config, tokenizer),
            softmax_dtype="float32",
        )
        self.batch_size = batch_size

    def point_at(self, model: "PreTrainedModel") -> Any:
        """Return lm-eval's model, set to run `model`."""
        self.lm._model, self.lm._config, self.lm._device = model, model.config, model.device
        return self.lm

    def record(self, call: str, instances: Sequence[Any]) -> list[Tokens]:
        """Return the token ids that lm-eval would run for these instances, by its own code."""
        recorded: list[Tokens] = []

        def note(requests: Sequence[Tokens], **_: Any) -> list[tuple[float, bool]]:
            recorded.extend(requests)
            return [(0.0, False)] * len(requests)

        self.lm._loglikelihood_tokens = note
        try:
            getattr(self.lm, call)(list(instances), disable_tqdm=True)
        finally:
            del self.lm._loglikelihood_tokens
        return recorded


@dataclass(frozen=True)
class LoglikelihoodPlan:
    """Contexts with continuations: one forward over each distinct context."""

    requests: tuple[Tokens, ...]

    def answer(self, lm: Any) -> list[Any]:
        """Return (log-likelihood, whether greedy decoding gives it) for each request."""
        return list(lm._loglikelihood_tokens(list(self.requests), disable_tqdm=True))


@dataclass(frozen=True)
class RollingPlan:
    """Whole texts, cut into windows of the model's length; `counts` windows to a text."""

    windows: tuple[Tokens, ...]
    counts: tuple[int, ...]

    def answer(self, lm: Any) -> list[Any]:
        """Return the log-likelihood of each text."""
        found: list[float] = []
        for start in range(0, len(self.windows), lm.batch_size):
            batch = list(self.windows[start : start + lm.batch_size])
            found += [ll for ll, _ in lm._loglikelihood_tokens(batch, disable_tqdm=True)]
        each = iter(found)
        return [sum(next(each) for _ in range(count)) for count in self.counts]


@dataclass(frozen=True)
class GenerationPlan:
    """Prompts to go on from; lm-eval tokenises and batches them."""

    instances: tuple[Any, ...]

    def answer(self, lm: Any) -> list[Any]:
        """Return the text that follows each prompt, cut at its stop strings."""
        return list(lm.generate_until(list(self.instances), disable_tqdm=True))

    def finite(self, lm: Any) -> bool:
        """Say whether the first prompt has finite logits: NaN would decode to some text."""
        ids, _ = lm.tok_batch_encode([self.instances[0].args[0]], left_truncate_len=lm.max_length)
        return bool(lm._model_call(ids.to(lm.device)).isfinite().all())


Plan = LoglikelihoodPlan | RollingPlan | GenerationPlan


def make_plan(live: LiveModel, kind: str, instances: Sequence[Any]) -> Plan:
    """Make the requests of one kind ready; TaskError for one that the model cannot take."""
    if kind == "generate_until":
        _check_room(live, instances)
        return GenerationPlan(tuple(instances))
    if kind == "loglikelihood_rolling":
        texts = [live.record(kind, [instance]) for instance in instances]
        windows = tuple(window for text in texts for window in text)
        return RollingPlan(windows, tuple(len(text) for text in texts))
    requests = tuple(live.record(kind, instances))
    for instance, (_, _, answer) in zip(instances, requests, strict=True):
        if not 0 < len(answer) <= live.lm.max_length:
            raise TaskError(
                f"document {instance.doc_id} of task {instance.task_name!r} has an answer of "
                f"{len(answer)} tokens, the model takes 1 to {live.lm.max_length}; "
                "mend the document, or leave it out by process_docs"
            )
    return LoglikelihoodPlan(requests)


def _check_room(live: LiveModel, instances: Sequence[Any]) -> None:
    from lm_eval.models.utils import normalize_gen_kwargs

    for instance in instances:
        new = normalize_gen_kwargs(instance.args[1], live.lm.max_gen_toks)["max_gen_toks"]
        if new >= live.lm.max_length:
            raise TaskError(
                f"task {instance.task_name!r} generates up to {new} tokens, but the model's "
                f"context is {live.lm.max_length}; set generation_kwargs: max_gen_toks lower in "
                "the task's YAML"
            )
