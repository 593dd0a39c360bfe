"""Answers by the resident model itself, in this process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimerge.errors import TrialError
from optimerge.objectives.answering import Plan
from optimerge.objectives.live import LiveModel, Tokens

if TYPE_CHECKING:
    from numpy import ndarray
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class _Answers:
    loglikelihoods: "ndarray"
    greedy: "ndarray"
    tokens: int


@dataclass(frozen=True)
class _RowPlan:
    """lm-eval's own rows: for models that our token plans cannot run."""

    live: LiveModel
    pairs: Sequence[Tokens]

    def answer(self, model: "PreTrainedModel") -> _Answers:
        import numpy as np

        lm = self.live.point_at(model)
        found = lm._loglikelihood_tokens(list(self.pairs), disable_tqdm=True)
        values, greedy = zip(*found, strict=True)
        tokens = sum(len(context) + len(answer) - 1 for _, context, answer in self.pairs)
        return _Answers(np.array(values), np.array(greedy), tokens)


class LocalAnswering:
    """The resident model answers."""

    def __init__(self, live: LiveModel) -> None:
        self.live = live

    def plan(self, pairs: Sequence[Tokens]) -> Plan:
        """Return the batches for some contexts and continuations."""
        return _RowPlan(self.live, pairs)

    def generate(self, model: "PreTrainedModel", instances: Sequence[Any]) -> list[str]:
        """Return the text that follows each prompt, by transformers' `generate`."""
        lm = self.live.point_at(model)
        if lm.backend == "causal":
            self._refuse_nonsense(lm, instances[0])
        return list(lm.generate_until(list(instances), disable_tqdm=True))

    def _refuse_nonsense(self, lm: Any, instance: Any) -> None:
        """NaN would decode to some text."""
        ids, _ = lm.tok_batch_encode([instance.args[0]], left_truncate_len=lm.max_length)
        if not bool(lm._model_call(ids.to(lm.device)).isfinite().all()):
            raise TrialError(f"task {instance.task_name!r}: the model's logits are NaN or infinite")
