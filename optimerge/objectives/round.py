"""Some documents of every task, answered together: what a candidate is scored on in one go."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, islice
from time import perf_counter
from typing import TYPE_CHECKING, Any

from optimerge.errors import TrialError
from optimerge.objectives.answering import Answering
from optimerge.objectives.guard import evaluation_mode, lm_eval_seeds, no_bars, no_cut_warnings
from optimerge.objectives.nonfinite import where_it_began
from optimerge.objectives.ready import Ready
from optimerge.objectives.runs import TaskRun

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Part = tuple[TaskRun, Sequence[int]]
"""Documents of one task."""


@dataclass(frozen=True)
class Spent:
    """What answering took."""

    tokens: int = 0
    """Tokens that the model read to give log-likelihoods."""
    seconds: Mapping[TaskRun, float] = field(default_factory=dict)

    def __add__(self, other: "Spent") -> "Spent":
        runs = [*self.seconds, *(run for run in other.seconds if run not in self.seconds)]
        both = {run: self.seconds.get(run, 0) + other.seconds.get(run, 0) for run in runs}
        return Spent(self.tokens + other.tokens, both)


class Round:
    """Documents of one or more tasks with their batches, made once.

    Log-likelihoods of all tasks share batches; a task's part of their seconds is its part of the
    tokens asked about.
    """

    def __init__(self, parts: Sequence[Part], answering: Answering) -> None:
        self.parts = parts
        self._answering = answering
        self._asked = {run: run.requests(documents) for run, documents in parts}
        pairs = [pair for ready in self._requests() for pair in ready.pairs]
        self._plan = answering.plan(pairs) if pairs else None
        self._written = {
            run: (asked, answering.writing(asked))
            for run, requests in self._asked.items()
            if (asked := _to_write(requests))
        }

    def with_parts(self, parts: Sequence[Part]) -> "Round":
        """Return a round of other documents, answered in the same way."""
        return Round(parts, self._answering)

    def answer(self, model: "PreTrainedModel", *, again: bool = False) -> Spent:
        """Have the model, as it stands now, answer all requests, into their `resps`.

        `again`: its weights are those of the last round that was answered by anyone. What the
        requests held before is forgotten. TrialError if the model's logits are not finite.
        """
        if not again:
            self._answering.changed()
        for ready in self._requests():
            # lm-eval appends answers and reads the first: without this, the first candidate's.
            ready.instance.resps, ready.instance.filtered_resps = [], {}
        with ExitStack() as stack:
            for guard in (lm_eval_seeds(), evaluation_mode(model), no_bars(), no_cut_warnings()):
                stack.enter_context(guard)
            spent = self._score(model)
            for run, (asked, writing) in self._written.items():
                started = perf_counter()
                for instance, text in zip(asked, writing.write(model), strict=True):
                    instance.resps.append(text)
                spent += Spent(0, {run: perf_counter() - started})
        return spent

    def _score(self, model: "PreTrainedModel") -> Spent:
        started = perf_counter()
        values, greedy, tokens = list[float](), list[bool](), 0
        if self._plan is not None:
            found = self._plan.answer(model)
            values, greedy = found.loglikelihoods.tolist(), found.greedy.tolist()
            tokens = found.tokens
        self._check_finite(model, values)
        each = iter(zip(values, greedy, strict=True))
        for ready in self._requests():
            if ready.kind != "generate_until":
                _note(ready, list(islice(each, len(ready.pairs))))
        asked = {run: sum(map(_tokens, requests)) for run, requests in self._asked.items()}
        second = (perf_counter() - started) / max(1, sum(asked.values()))
        return Spent(tokens, {run: second * tokens for run, tokens in asked.items()})

    def _check_finite(self, model: "PreTrainedModel", values: Sequence[float]) -> None:
        asked = ((run, ready) for run, requests in self._asked.items() for ready in requests)
        pairs = ((run, ready, pair) for run, ready in asked for pair in ready.pairs)
        for value, (run, ready, (_, context, answer)) in zip(values, pairs, strict=True):
            if not math.isfinite(value):
                began = where_it_began(model, [[*context, *answer][:-1]], run.room)
                raise TrialError(
                    f"task {run.name!r}: the log-likelihood of document "
                    f"{ready.instance.doc_id} is {value}{began}"
                )

    def _requests(self) -> Iterator[Ready]:
        return chain.from_iterable(self._asked.values())


def _tokens(ready: Ready) -> int:
    return sum(len(context) + len(answer) for _, context, answer in ready.pairs)


def _to_write(requests: Sequence[Ready]) -> list[Any]:
    """Return the instances to generate from, as often as each is asked."""
    asked = (ready for ready in requests if ready.kind == "generate_until")
    return [ready.instance for ready in asked for _ in range(ready.times)]


def _note(ready: Ready, answers: Sequence[tuple[float, bool]]) -> None:
    rolling = ready.kind == "loglikelihood_rolling"  # an empty text has no window: 0
    answer = math.fsum(value for value, _ in answers) if rolling else answers[0]
    ready.instance.resps += [answer] * ready.times
