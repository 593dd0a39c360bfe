"""Whether an answer is the greedy one of several models' average: needs what else they might say.

Of every token of an answer the `KEPT` likeliest tokens of each model are kept, and the answer's
own. A token is compared by the weighted average of its log-probabilities; one that is not among a
model's likeliest counts with the least of them, which it does not exceed. So an answer that is
called greedy is the greedy one; where the vocabulary has more than `KEPT` tokens, one that hardly
is may be missed. Of equals the lower token wins, as in an argmax.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimerge.objectives.guard import evaluation_mode
from optimerge.objectives.rows import batches, in_parts, logits_of
from optimerge.objectives.runs import TaskRun

if TYPE_CHECKING:
    from numpy import bool_, float64, int64
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

KEPT = 128


@dataclass(frozen=True)
class Likeliest:
    """One model's likeliest tokens at every token of every answer of a run."""

    tokens: "NDArray[int64]"
    """Token ids [n, k], ascending; n tokens in all answers, in the order of requests."""
    values: "NDArray[float64]"
    """Their log-probabilities [n, k]."""
    own: "NDArray[float64]"
    """Log-probabilities [n] of the answers' own tokens."""


@dataclass(frozen=True)
class Rows:
    """The answers of a run as rows of tokens."""

    inputs: Sequence[Sequence[int]]
    answers: Sequence[Sequence[int]]

    @classmethod
    def of(cls, run: TaskRun) -> "Rows":
        """Return the rows of a run's requests: cut to the context as lm-eval does."""
        inputs, answers = [], []
        for ready in run.requests(run.documents):
            ((_, context, answer),) = ready.pairs
            inputs.append([*context, *answer][-(run.room + 1) : -1])
            answers.append(answer)
        return cls(inputs, answers)


def likeliest(run: TaskRun, model: "PreTrainedModel") -> Likeliest:
    """Return what the model, as it stands now, might have said in the place of the answers."""
    import numpy as np
    import torch

    rows, found = Rows.of(run), dict[int, Any]()
    vocabulary = int(model.get_output_embeddings().weight.shape[0])
    kept = min(KEPT, vocabulary)
    with evaluation_mode(model):
        for batch in batches([len(row) for row in rows.inputs], vocabulary):
            logits = logits_of(model, [rows.inputs[number] for number in batch])
            for own, number in zip(logits, batch, strict=True):
                answer, end = rows.answers[number], len(rows.inputs[number])
                targets = torch.tensor(answer, device=own.device)[:, None]
                for part, log_probs in in_parts(own[end - len(answer) : end]):
                    values, tokens = log_probs.topk(kept)
                    tokens, order = tokens.sort(dim=-1)
                    chosen = log_probs.gather(-1, targets[part])
                    triple = (tokens, values.gather(-1, order), chosen[:, 0])
                    found.setdefault(number, []).append([each.cpu().numpy() for each in triple])
    ordered = [part for number in range(len(rows.inputs)) for part in found[number]]
    of_all = [np.concatenate(each) for each in zip(*ordered, strict=True)]
    return Likeliest(of_all[0], of_all[1].astype(np.float64), of_all[2].astype(np.float64))


class Together:
    """The likeliest tokens of several models, side by side."""

    def __init__(self, run: TaskRun, models: Sequence[Likeliest]) -> None:
        import numpy as np

        answers = Rows.of(run).answers
        self._starts = np.cumsum([0, *(len(answer) for answer in answers)])[:-1]
        self._own = np.array([token for answer in answers for token in answer])
        self._chosen = np.stack([model.own for model in models])
        self._tokens = np.concatenate([model.tokens for model in models], axis=1)
        if all(np.array_equal(model.tokens, models[0].tokens) for model in models):
            self._tokens = models[0].tokens  # the whole vocabulary, as a rule
        self._values = np.stack([_values(model, self._tokens) for model in models])

    def greedy(self, weights: Sequence[float]) -> "NDArray[bool_]":
        """Return whether each request's answer is the greedy one of the weighted average."""
        import numpy as np

        own = np.tensordot(weights, self._chosen, 1)[:, None]
        others = np.tensordot(weights, self._values, 1)
        before = (others == own) & (self._tokens < self._own[:, None])
        better = ((others > own) & (self._tokens != self._own[:, None])) | before
        return np.logical_and.reduceat(~better.any(axis=1), self._starts)


def _values(model: Likeliest, tokens: "NDArray[int64]") -> "NDArray[float64]":
    """Return a model's log-probabilities of these tokens [n, j], upper limits where unknown."""
    import numpy as np

    if tokens is model.tokens or np.array_equal(tokens, model.tokens):
        return model.values
    found = np.empty(tokens.shape)
    for n, (own, values) in enumerate(zip(model.tokens, model.values, strict=True)):
        place = np.minimum(np.searchsorted(own, tokens[n]), len(own) - 1)
        found[n] = np.where(own[place] == tokens[n], values[place], values.min())
    return found
