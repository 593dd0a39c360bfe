"""Answers by transformers' `generate`, a fixed batch at a time, equal to lm-eval's."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from optimerge.errors import TrialError
from optimerge.objectives.generation.batches import PromptBatch, make_batches, read_answer
from optimerge.objectives.halving import Rows
from optimerge.objectives.live import LiveModel
from optimerge.objectives.nonfinite import Finite, NotFiniteError, where_it_began
from optimerge.objectives.tokens.budget import is_out_of_memory
from optimerge.objectives.tokens.memory import free_memory

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


class StaticWriting:
    """The same batches as `HFLM.generate_until` makes, tokenised once.

    `rows` is shared by all tasks: a batch that finds no memory halves it for good, and the
    requests begin again with the same random numbers, so that texts are those that lm-eval gives
    at the number of rows that remains. Every `write` makes new caches: none outlives the weights.
    A batch ends when all its rows have.
    """

    def __init__(self, live: LiveModel, instances: Sequence[Any], rows: Rows) -> None:
        self._live, self._instances, self._rows = live, instances, rows
        self._made = rows.most, make_batches(live.lm, instances, rows.most)

    @property
    def batches(self) -> Sequence[PromptBatch]:
        """The batches, made again only where memory asked for smaller ones."""
        if self._made[0] != self._rows.most:
            self._made = (
                self._rows.most,
                make_batches(self._live.lm, self._instances, self._rows.most),
            )
        return self._made[1]

    def write(self, model: "PreTrainedModel") -> list[str]:
        """Return the text after each prompt, in the order of the requests.

        TrialError if logits are NaN or infinite.
        """
        import torch

        lm, state = self._live.point_at(model), _random_state()
        while True:
            rows = 0
            try:
                texts = [""] * len(self._instances)
                for batch in self.batches:
                    rows = len(batch.places)
                    for place, text in zip(batch.places, self._answers(lm, batch), strict=True):
                        texts[place] = text
                return texts
            except Exception as error:
                if rows < 2 or not is_out_of_memory(error):
                    raise
            # Not in the except clause: the error's frames still hold the tensors of the batch.
            self._rows.halve(rows)
            free_memory()
            torch.set_rng_state(state[0])
            if state[1]:
                torch.cuda.set_rng_state_all(state[1])

    def _answers(self, lm: Any, batch: PromptBatch) -> list[str]:
        settings = batch.settings
        watch, ids = Finite(eager=settings.samples), batch.ids.to(lm.device)
        rest = dict(settings.rest)
        longest = rest.pop("max_length", ids.shape[1] + settings.new_tokens)
        said: Any = None
        with suppress(NotFiniteError):  # told below, out of reach of what generate held
            said = lm._model_generate(
                context=ids,
                attention_mask=batch.mask.to(lm.device),
                stop=list(settings.until),
                max_length=longest,
                logits_processor=[watch],
                **rest,
            )
        if said is None or not watch.finite:
            self._refuse(lm.model, batch, said)
        new = said[:, ids.shape[1] :] if lm.backend == "causal" else said
        return [read_answer(lm, tokens, settings.until) for tokens in new.tolist()]

    def _refuse(self, model: Any, batch: PromptBatch, said: "Tensor | None") -> None:
        rows = batch.prompts()
        if said is not None and not model.config.is_encoder_decoder:
            new = said[:, batch.ids.shape[1] :].tolist()
            rows += [row + more for row, more in zip(rows, new, strict=True)]
        name = self._instances[batch.places[0]].task_name
        raise TrialError(
            f"task {name!r}: the model's logits are NaN or infinite"
            f"{where_it_began(model, rows, self._live.lm.max_length)}"
        )


def _random_state() -> "tuple[Tensor, list[Tensor]]":
    import torch

    gpu: Any = torch.cuda
    used = gpu.is_available() and gpu.is_initialized()
    return torch.get_rng_state(), gpu.get_rng_state_all() if used else []
