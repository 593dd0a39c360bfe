"""Mean answer length: what a reasoning model costs to run."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from time import perf_counter
from typing import TYPE_CHECKING, Any

from optimerge.errors import TaskError, TrialError
from optimerge.objectives.context import Context
from optimerge.objectives.guard import evaluation_mode
from optimerge.objectives.halving import Batches
from optimerge.objectives.nonfinite import Finite, where_it_began
from optimerge.objectives.prompts_file import digest_rows, prompt_tokens, read_prompts
from optimerge.objectives.protocol import Candidate
from optimerge.objectives.rows import padded
from optimerge.records.types import Direction, Score
from optimerge.space.objective_kinds.length import LengthObjective

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ROWS = 32
"""Prompts generated from at a time."""


class LengthScorer:
    """Mean number of tokens of greedy answers, the end token not counted.

    Greedy, and otherwise as the model's own generation settings say (repetition penalty). An
    answer that does not end counts `max_new_tokens`. Every call makes a new cache: none outlives
    the weights. The standard error is that of a mean over prompts.
    """

    def __init__(self, name: str, spec: LengthObjective, context: Context) -> None:
        self.name, self.file, self._most = name, spec.length, spec.max_new_tokens
        self.direction: Direction = spec.direction
        where, room = f"objective {name!r}", context.room
        prompts = read_prompts(where, spec.length, context)
        self._rows = prompt_tokens(where, prompts, context, chat=spec.chat_template)
        longest = max(map(len, self._rows))
        if longest + spec.max_new_tokens > room:
            raise TaskError(
                f"{where}: the longest prompt has {longest} tokens and max_new_tokens is "
                f"{spec.max_new_tokens}, more than the {room} tokens that the model takes "
                "together; lower max_new_tokens, or leave the prompt out"
            )
        tokenizer: Any = context.tokenizer
        self._ends = end_tokens(context.config, tokenizer.eos_token_id)
        if not self._ends:
            raise TaskError(
                f"{where}: the tokenizer {tokenizer.name_or_path!r} has no eos_token, so no "
                "answer ends; set eos_token in its tokenizer_config.json"
            )
        order = sorted(range(len(self._rows)), key=lambda row: (-len(self._rows[row]), row))
        self._batches = Batches(order[i : i + ROWS] for i in range(0, len(order), ROWS))
        self.digest = digest_rows(f"length {spec.max_new_tokens}", self._rows)

    @property
    def facts(self) -> str:
        """What `optimerge check` says of it."""
        return (
            f"mean answer length on {self.file}, {len(self._rows)} prompts, "
            f"at most {self._most} new tokens each"
        )

    def score(self, candidate: Candidate) -> Score:
        """Return the mean length; its items are the prompts."""
        start = perf_counter()
        model = candidate.model
        with evaluation_mode(model):
            by_row = self._batches.by_row(
                lambda batch: self._lengths(model, [self._rows[row] for row in batch])
            )
        lengths = [by_row[row] for row in range(len(self._rows))]
        stderr = stdev(lengths) / math.sqrt(len(lengths)) if len(lengths) > 1 else None
        seconds = perf_counter() - start
        return Score(fmean(lengths), stderr, len(lengths), self.direction, seconds)

    def _lengths(self, model: "PreTrainedModel", rows: Sequence[Sequence[int]]) -> list[int]:
        ends = sorted({*self._ends, *end_tokens(model.generation_config, None)})
        ids, mask = padded(rows, ends[0], left=True)
        watch, call = Finite(), getattr(model, "generate")  # noqa: B009 (untyped upstream)
        said = call(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            do_sample=False,
            num_beams=1,
            max_new_tokens=self._most,
            pad_token_id=ends[0],
            eos_token_id=ends,
            logits_processor=[watch],
        )
        if not watch.finite:
            began = where_it_began(model, [*rows, *_whole(rows, said[:, ids.shape[1] :].tolist())])
            raise TrialError(
                f"objective {self.name!r}: the model's logits are NaN or infinite{began}"
            )
        known = set(ends)
        answers = said[:, ids.shape[1] :].tolist()
        return [
            next((place for place, token in enumerate(answer) if token in known), len(answer))
            for answer in answers
        ]


def _whole(rows: Sequence[Sequence[int]], answers: list[list[int]]) -> list[list[int]]:
    return [[*row, *answer] for row, answer in zip(rows, answers, strict=True)]


def end_tokens(config: object, more: int | None) -> set[int]:
    """Return the tokens that end an answer, by a config and beside it."""
    found = getattr(config, "eos_token_id", None)
    listed = [found] if isinstance(found, int) else list(found or ())
    return {*listed, *(() if more is None else (more,))}
