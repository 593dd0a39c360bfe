"""The plan for models with an encoder: contexts go in there, answers into the decoder."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from optimerge.objectives.tokens.budget import Budget
from optimerge.objectives.tokens.memory import needs, until_it_fits
from optimerge.objectives.tokens.request import Answers, Request

if TYPE_CHECKING:
    from torch import Tensor


class PairPlan:
    """Requests in padded batches of a token budget, as `HFLM` runs a seq2seq model.

    A context is cut to its last `max_length` tokens; the model itself shifts the answer right.
    """

    name = "flat"

    def __init__(
        self, requests: Sequence[Request], model: Any, *, max_length: int, budget: Budget
    ) -> None:
        self.budget = budget
        self._pairs = [(each.context[-max_length:], each.answer) for each in requests]
        self._vocabulary = int(model.config.get_text_config().vocab_size)
        self.tokens = sum(len(context) + len(answer) for context, answer in self._pairs)

    def answer(self, model: Any) -> Answers:
        """Answer all requests, in their order."""
        return until_it_fits(self.budget, lambda: self._answer(model))

    def _batches(self) -> Iterator[list[int]]:
        """Yield numbers of requests, longest first; one is always allowed."""

        def sizes(number: int) -> tuple[int, int]:
            context, answer = self._pairs[number]
            return len(context), len(answer)

        batch: list[int] = []
        widest = 0
        for number in sorted(range(len(self._pairs)), key=lambda n: (sizes(n), n), reverse=True):
            widest = max(widest, sizes(number)[1])
            rows = len(batch) + 1
            if batch and (
                rows * (sizes(batch[0])[0] + widest) > self.budget.tokens
                or rows * widest * self._vocabulary > self.budget.logits
            ):
                yield batch
                batch, widest = [], sizes(number)[1]
            batch.append(number)
        yield batch

    def _answer(self, model: Any) -> Answers:
        import torch

        found: list[tuple[Tensor, Tensor]] = []
        requests: list[int] = []
        for batch in self._batches():
            contexts, seen = _padded([self._pairs[n][0] for n in batch], model.device)
            answers, asked = _padded([self._pairs[n][1] for n in batch], model.device)
            with needs(len(batch), contexts.numel() + answers.numel()):
                # As lm-eval: padding of answers is id 0, seen by nothing that counts.
                logits = model(contexts, attention_mask=seen, labels=answers).logits
                log_probs = torch.log_softmax(logits, dim=-1, dtype=torch.float32)
                of_answers = log_probs.gather(2, answers[..., None])[..., 0]
                found.append((of_answers[asked], (log_probs.argmax(dim=-1) == answers)[asked]))
            requests += [n for n in batch for _ in self._pairs[n][1]]
        sums, likeliest = (torch.cat(each).cpu().numpy() for each in zip(*found, strict=True))
        return Answers.of(len(self._pairs), requests, sums, likeliest, self.tokens)


def _padded(rows: Sequence[tuple[int, ...]], device: Any) -> "tuple[Tensor, Tensor]":
    """Return ids padded on the right by 0, and where they are none of the padding."""
    import torch

    longest = max(map(len, rows))
    ids = torch.tensor([row + (0,) * (longest - len(row)) for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    return ids, torch.arange(longest, device=device) < lengths[:, None]
