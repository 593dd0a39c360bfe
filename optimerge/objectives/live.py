"""The live model as lm-eval sees it."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optimerge.errors import TaskError
from optimerge.objectives.guard import evaluation_mode

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
        with evaluation_mode(model):
            self.lm: Any = HFLM(
                pretrained=model,
                tokenizer=copy.deepcopy(tokenizer),
                batch_size=batch_size,
                max_length=resolve_max_length(model.config, tokenizer),
                softmax_dtype="float32",
            )

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
