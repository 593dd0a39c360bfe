"""Drift: how far a candidate's next-token distributions went from a parent's: forgetting."""

import logging
import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from optimerge.errors import TrialError
from optimerge.objectives.context import Context
from optimerge.objectives.guard import evaluation_mode
from optimerge.objectives.halving import Batches
from optimerge.objectives.nonfinite import where_it_began
from optimerge.objectives.prompts_file import digest_rows, prompt_tokens, read_prompts
from optimerge.objectives.protocol import Candidate
from optimerge.objectives.ratio import ratio
from optimerge.objectives.rows import batches, in_parts, logits_of
from optimerge.records.types import Direction, Score
from optimerge.space.objective_kinds.drift import DriftObjective

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)


class DriftScorer:
    """Mean KL(parent || candidate) over positions of prompts, in nats a token.

    Exact over the vocabulary, log-probabilities in float32 on both sides. The parent's are
    computed once, by `prepare`, and kept in main memory. The standard error is over prompts.
    """

    direction: Direction = "minimize"

    def __init__(self, name: str, spec: DriftObjective, context: Context) -> None:
        self.name, self.parent, self.file = name, spec.to, spec.drift
        where, room = f"objective {name!r}", context.room
        prompts = read_prompts(where, spec.drift, context)
        rows = prompt_tokens(where, prompts, context, chat=spec.chat_template)
        if cut := sum(len(row) > room for row in rows):
            log.warning("%s: the end of %d prompts is beyond the model's context", where, cut)
        self._rows = [row[:room] for row in rows]
        self._tokens = sum(map(len, self._rows))
        self._places = spread([len(row) for row in self._rows], spec.max_tokens)
        self._vocabulary = context.vocabulary
        self._batches = Batches(batches([len(row) for row in self._rows], context.vocabulary))
        self._kept: dict[int, Tensor] | None = None
        """By row, so that batches may be cut."""
        self.digest = digest_rows(f"drift {spec.to}", [*self._rows, *self._places])

    @property
    def facts(self) -> str:
        """What `optimerge check` says of it."""
        chosen = sum(map(len, self._places))
        return (
            f"mean KL({self.parent} || candidate) on {self.file}, {chosen} of {self._tokens} "
            f"tokens of {len(self._rows)} prompts, {chosen * self._vocabulary * 4 / 1e6:.3g} MB "
            "kept in main memory"
        )

    def prepare(self, write: "Callable[[str], PreTrainedModel]") -> None:
        """Compute the parent's log-probabilities, once; `write` makes the live model a parent.

        Call it before a candidate is written: it leaves the parent in the model.
        """
        if self._kept is not None:
            return
        import torch
        from torch import Tensor

        model = write(self.parent)

        def read(batch: Sequence[int]) -> list[Tensor]:
            own = self._logits(model, batch)
            return [torch.cat([found.cpu() for _, found in in_parts(row)]) for row in own]

        with evaluation_mode(model):
            kept = self._batches.by_row(read)
        if any(bool(part.isnan().any()) for part in kept.values()):
            raise TrialError(f"objective {self.name!r}: the logits of {self.parent} are NaN")
        self._kept = kept

    def score(self, candidate: Candidate) -> Score:
        """Return the drift; its items are the prompts."""
        start = perf_counter()
        if self._kept is None:
            raise TrialError(f"objective {self.name!r}: the parent's answers are not there yet")
        model, kept = candidate.model, self._kept

        def compare(batch: Sequence[int]) -> list[float]:
            pairs = zip(self._logits(model, batch), batch, strict=True)
            return [float(self._distances(own, kept[row]).sum()) for own, row in pairs]

        with evaluation_mode(model):
            by_row = self._batches.by_row(compare)
        totals = [by_row[row] for row in range(len(self._rows))]
        mean, stderr = ratio(totals, [len(places) for places in self._places])
        if not math.isfinite(mean):
            bad = next(row for row, total in enumerate(totals) if not math.isfinite(total))
            with evaluation_mode(model):
                began = where_it_began(model, [self._rows[bad]])
            raise TrialError(
                f"objective {self.name!r}: the drift is {mean}: NaN or endless logits{began}"
            )
        # Below 0 by rounding only.
        value = max(0.0, mean)
        return Score(value, stderr, len(totals), self.direction, perf_counter() - start)

    def _logits(self, model: "PreTrainedModel", batch: Sequence[int]) -> "list[Tensor]":
        """Return each row's logits [positions, vocabulary] at its chosen positions."""
        found = logits_of(model, [self._rows[row] for row in batch])
        return [own[self._places[row]] for own, row in zip(found, batch, strict=True)]

    def _distances(self, logits: "Tensor", kept: "Tensor") -> "Tensor":
        """Return KL(parent || candidate) [positions] in float64, on the CPU."""
        import torch

        if logits.shape != kept.shape:
            raise TrialError(
                f"objective {self.name!r}: the candidate has {logits.shape[-1]} tokens in its "
                f"vocabulary, {self.parent} {kept.shape[-1]}"
            )
        parts = []
        for part, mine in in_parts(logits):
            theirs = kept[part].to(mine.device)
            terms = theirs.exp() * (theirs - mine)
            terms.masked_fill_(theirs == -math.inf, 0.0)  # what cannot happen adds nothing
            parts.append(terms.sum(-1, dtype=torch.float64).cpu())
        return torch.cat(parts)


def spread(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Choose positions of each prompt: all, or `most` shared out, evenly spaced in each.

    Every prompt has at least one, its last.

    >>> spread([4, 2], 10)
    [[0, 1, 2, 3], [0, 1]]
    >>> spread([8, 2], 6)
    [[1, 3, 5, 7], [0, 1]]
    """
    left, share = most, dict[int, int]()
    for done, row in enumerate(sorted(range(len(lengths)), key=lambda row: lengths[row])):
        share[row] = max(1, min(lengths[row], left // (len(lengths) - done)))
        left -= share[row]
    return [
        [(place + 1) * length // share[row] - 1 for place in range(share[row])]
        for row, length in enumerate(lengths)
    ]
