"""Perplexity of a text file: how well a candidate predicts it; smaller is better."""

import math
import re
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from optimerge.errors import TaskError, TrialError
from optimerge.objectives.context import Context
from optimerge.objectives.guard import evaluation_mode
from optimerge.objectives.halving import Batches
from optimerge.objectives.nonfinite import where_it_began
from optimerge.objectives.prompts_file import digest_rows, read_text
from optimerge.objectives.protocol import Candidate
from optimerge.objectives.ratio import ratio
from optimerge.objectives.rows import batches, in_parts, logits_of
from optimerge.records.types import Direction, Score
from optimerge.space.objective_kinds.perplexity import CONTEXT, PerplexityObjective

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Window = tuple[list[int], int]
"""Tokens with the one to predict last at the end, and how many of the last are predicted."""


class PerplexityScorer:
    """exp(-log-likelihood / units) of a whole file, units being tokens, words or bytes.

    The file is one text. It is cut into windows of `context` tokens; each token is predicted once,
    from the tokens before it in its window, the very first from bos (or eos), as lm-eval's rolling
    log-likelihood does: with `stride` = `context` = the model's context the numbers are its own.
    Words are what white space separates, bytes are of UTF-8. The standard error is over windows,
    by the delta method; None for a text of one window.
    """

    direction: Direction = "minimize"

    def __init__(self, name: str, spec: PerplexityObjective, context: Context) -> None:
        self.name, self.per, self.file = name, spec.per, spec.perplexity
        where = f"objective {name!r}"
        text = read_text(where, spec.perplexity, context)
        tokenizer: Any = context.tokenizer
        self._size, stride = _window(where, spec, context)
        first = tokenizer.bos_token_id
        first = tokenizer.eos_token_id if first is None else first
        if first is None:
            raise TaskError(
                f"{where}: the tokenizer {tokenizer.name_or_path!r} has neither bos_token nor "
                "eos_token to predict the first token from; set one in its tokenizer_config.json"
            )
        tokens = list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
        self._windows = windows([first, *tokens], self._size, stride)
        self._tokens = len(tokens)
        units = {"token": len(tokens), "word": len(re.split(r"\s+", text.strip()))}
        self._units = units.get(spec.per, len(text.encode()))
        lengths = [len(row) - 1 for row, _ in self._windows]
        self._batches = Batches(batches(lengths, context.vocabulary))
        self.digest = digest_rows(f"perplexity {stride}", [row for row, _ in self._windows])

    @property
    def facts(self) -> str:
        """What `optimerge check` says of it."""
        return (
            f"{self.per} perplexity of {self.file}, {self._tokens} tokens in "
            f"{len(self._windows)} windows of {self._size}"
        )

    def score(self, candidate: Candidate) -> Score:
        """Return the perplexity; its items are the windows."""
        start = perf_counter()
        model = candidate.model
        with evaluation_mode(model):
            by_row = self._batches.by_row(
                lambda batch: _losses(model, [self._windows[row] for row in batch])
            )
        losses = [by_row[row] for row in range(len(self._windows))]
        if not math.isfinite(sum(losses)):
            bad = next(row for row, loss in enumerate(losses) if not math.isfinite(loss))
            with evaluation_mode(model):
                began = where_it_began(model, [self._windows[bad][0][:-1]])
            raise TrialError(
                f"objective {self.name!r}: the log-likelihood of {self.file} is NaN{began}"
            )
        mean, stderr = ratio(losses, [count for _, count in self._windows])
        share = self._tokens / self._units
        try:
            value = math.exp(mean * share)
        except OverflowError:
            raise TrialError(
                f"objective {self.name!r}: the perplexity of {self.file} is infinite "
                f"(exp {mean * share:.4g})"
            ) from None
        error = None if stderr is None else value * stderr * share
        return Score(value, error, len(losses), self.direction, perf_counter() - start)


def windows(tokens: Sequence[int], size: int, stride: int) -> list[Window]:
    """Cut tokens, the first of which is not predicted, into windows of at most size + 1.

    >>> windows([9, 1, 2, 3, 4, 5], 2, 2)
    [([9, 1, 2], 2), ([2, 3, 4], 2), ([3, 4, 5], 1)]
    >>> windows([9, 1, 2, 3, 4, 5], 4, 2)
    [([9, 1, 2, 3, 4], 4), ([1, 2, 3, 4, 5], 1)]
    """
    found, done = [], 0
    while done < len(tokens) - 1:
        end = min(len(tokens) - 1, done + (stride if done else size))
        found.append((list(tokens[max(0, end - size) : end + 1]), end - done))
        done = end
    return found


def _window(where: str, spec: PerplexityObjective, context: Context) -> tuple[int, int]:
    """Return the size and the stride of windows."""
    room = context.room
    if spec.context is not None and spec.context > room:
        raise TaskError(
            f"{where}: context {spec.context} is more than the {room} tokens that the model "
            "takes; lower context"
        )
    size = spec.context or min(CONTEXT, room)
    if spec.stride is not None and spec.stride > size:
        raise TaskError(f"{where}: stride {spec.stride} is above context {size}; lower stride")
    return size, spec.stride or size


def _losses(model: "PreTrainedModel", rows: Sequence[Window]) -> list[float]:
    """Return the summed -log-probability of the predicted tokens of each window."""
    import torch

    logits = logits_of(model, [row[:-1] for row, _ in rows])
    found = []
    for own, (row, count) in zip(logits, rows, strict=True):
        last = len(row) - 1
        targets = torch.tensor(row[-count:], device=own.device)
        parts = [
            log_probs.gather(-1, targets[part, None]).double().sum()
            for part, log_probs in in_parts(own[last - count : last])
        ]
        found.append(-torch.stack(parts).sum())
    return [float(loss) for loss in torch.stack(found).cpu()]
