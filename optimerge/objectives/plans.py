"""Plans: requests made ready once, answered by every candidate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optimerge.errors import TaskError
from optimerge.objectives.live import LiveModel, Tokens


@dataclass(frozen=True)
class LoglikelihoodPlan:
    """Contexts with continuations: one forward over each distinct context."""

    requests: tuple[Tokens, ...]
    cut: int = 0
    """Prompts longer than the model's context; lm-eval cuts their start off."""

    def answer(self, lm: Any) -> list[Any]:
        """Return (log-likelihood, whether greedy decoding gives it) for each request."""
        return list(lm._loglikelihood_tokens(list(self.requests), disable_tqdm=True))


@dataclass(frozen=True)
class RollingPlan:
    """Whole texts, cut into windows of the model's length; `counts` windows to a text."""

    windows: tuple[Tokens, ...]
    counts: tuple[int, ...]
    cut: int = 0

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
    cut: int = 0

    def answer(self, lm: Any) -> list[Any]:
        """Return the text that follows each prompt, cut at its stop strings."""
        return list(lm.generate_until(list(self.instances), disable_tqdm=True))

    def finite(self, lm: Any) -> bool:
        """Say whether the first prompt has finite logits: NaN would decode to some text."""
        if lm.backend != "causal":
            return True
        ids, _ = lm.tok_batch_encode([self.instances[0].args[0]], left_truncate_len=lm.max_length)
        return bool(lm._model_call(ids.to(lm.device)).isfinite().all())


Plan = LoglikelihoodPlan | RollingPlan | GenerationPlan


def make_plan(live: LiveModel, kind: str, instances: Sequence[Any]) -> Plan:
    """Make the requests of one kind ready; TaskError for one that the model cannot take."""
    room = live.lm.max_length
    if kind == "generate_until":
        left = [room - _new_tokens(live, instance) for instance in instances]
        prompts = [live.lm.tok_encode(instance.args[0]) for instance in instances]
        cut = sum(len(prompt) > most for prompt, most in zip(prompts, left, strict=True))
        return GenerationPlan(tuple(instances), cut)
    if kind == "loglikelihood_rolling":
        texts = [live.record(kind, [instance]) for instance in instances]
        windows = tuple(window for text in texts for window in text)
        return RollingPlan(windows, tuple(len(text) for text in texts))
    requests = tuple(live.record(kind, instances))
    for instance, (_, _, answer) in zip(instances, requests, strict=True):
        if not 0 < len(answer) <= room:
            raise TaskError(
                f"document {instance.doc_id} of task {instance.task_name!r} has an answer of "
                f"{len(answer)} tokens, the model takes 1 to {room}; "
                "mend the document, or leave it out by process_docs"
            )
    cut = sum(len(context) + len(answer) > room + 1 for _, context, answer in requests)
    return LoglikelihoodPlan(requests, cut)


def _new_tokens(live: LiveModel, instance: Any) -> int:
    from lm_eval.models.utils import normalize_gen_kwargs

    new = int(normalize_gen_kwargs(instance.args[1], live.lm.max_gen_toks)["max_gen_toks"])
    if new >= live.lm.max_length:
        raise TaskError(
            f"task {instance.task_name!r} generates up to {new} tokens, but the model's context "
            f"is {live.lm.max_length}; set generation_kwargs: max_gen_toks lower in the task's YAML"
        )
    return new
