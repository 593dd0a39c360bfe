"""Answers of several models put together: a weighted average of their log-probabilities.

For a request (a context and an option) with log-likelihoods l_i by the models i and weights w_i on
the simplex, the ensemble's is sum_i w_i l_i. As a log-likelihood is a sum over the option's tokens,
that is the weighted average of log-probabilities at every token, summed: a geometric mean of the
models' probabilities that is not renormalised over the vocabulary (a product of experts up to the
normalising sum at each token). Options are compared under the same context, as a task's metric does
it, so what renormalising would take off is left out of all of them, though not the same for each.
Perplexities and the like are those of the unnormalised product, an upper limit of the normalised
one's: by Hölder's inequality the normalising sum is at most 1.

Whether an answer is the greedy one of that average is found out token by token: see `greedy`. Texts
that are generated cannot be put together so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimerge.objectives.evaluation import Evaluation
from optimerge.objectives.guard import lm_eval_seeds, no_bars
from optimerge.objectives.on_tasks import OnTasks
from optimerge.objectives.runs import TaskAnswers, TaskRun
from optimerge.records.evidence import Evidence, TaskEvidence, as_numbers
from optimerge.records.types import Score
from optimerge.retest.greedy import Likeliest, Together, likeliest

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Answered:
    """What one model answered to a run, in the order of its documents' requests."""

    values: "NDArray[float64]"
    """Log-likelihoods."""
    likeliest: Likeliest | None = None
    """Where a metric asks for greedy answers."""


Answers = Mapping[TaskRun, Answered]

GREEDY = {"multiple_choice": ("exact_match",), "loglikelihood": ("acc",)}
"""By kind of task, metrics of lm-eval that ask whether an answer is the greedy one."""
OPEN = "loglikelihood", "loglikelihood_rolling"


def why_not_pooled(objective: OnTasks) -> str:
    """Return why an objective cannot be scored on an ensemble's answers, "" if it can."""
    for run in objective.runs:
        if any(ready.kind not in OPEN for ready in run.requests(run.documents)):
            return f"task {run.name} generates text, which cannot be averaged"
        if _is_greedy(objective) and run.has_encoder:
            return f"{objective.metric.name} of task {run.name} asks for greedy answers"
    return ""


def _is_greedy(objective: OnTasks) -> bool:
    kinds = {run.task.OUTPUT_TYPE for run in objective.runs}
    return any(objective.metric.name in GREEDY.get(kind, ()) for kind in kinds)


def pooled_objectives(evaluation: Evaluation) -> list[OnTasks]:
    """Return the objectives that an ensemble can be scored on."""
    return [each for each in evaluation.on_tasks if not why_not_pooled(each)]


def runs_of(objectives: Iterable[OnTasks]) -> list[TaskRun]:
    """Return the runs of objectives, once each."""
    return list(dict.fromkeys(run for each in objectives for run in each.runs))


def answered(evaluation: Evaluation, model: "PreTrainedModel") -> Answers:
    """Have the model, as it stands now, answer what can be pooled, in the batches of its scores."""
    wanted = set(runs_of(pooled_objectives(evaluation)))
    for number, each in enumerate(evaluation.rounds):
        parts = [part for part in each.parts if part[0] in wanted]
        chosen = each if len(parts) == len(each.parts) else each.with_parts(parts)
        if parts:
            chosen.answer(model, again=number > 0)
    return captured(evaluation, model)


def captured(evaluation: Evaluation, model: "PreTrainedModel") -> Answers:
    """Return what the model, which was scored last, answered to what can be pooled."""
    import numpy as np

    objectives = pooled_objectives(evaluation)
    greedy = set(runs_of(each for each in objectives if _is_greedy(each)))
    found: dict[TaskRun, Answered] = {}
    for run in runs_of(objectives):
        answers = [ready.instance.resps[0] for ready in run.requests(run.documents)]
        values = [a[0] if isinstance(a, tuple) else a for a in answers]
        others = likeliest(run, model) if run in greedy else None
        found[run] = Answered(np.array(values, dtype=np.float64), others)
    return found


class Pool:
    """The answers of several models to some objectives, ready to be averaged."""

    def __init__(self, objectives: Sequence[OnTasks], answers: Sequence[Answers]) -> None:
        self._objectives = objectives
        self._values, self._together = {}, {}
        for run in runs_of(objectives):
            own = [each[run] for each in answers]
            self._values[run] = [each.values for each in own]
            others = [each.likeliest for each in own if each.likeliest is not None]
            if others:
                self._together[run] = Together(run, others)

    def scores(self, weights: Sequence[float]) -> tuple[dict[str, Score], Evidence]:
        """Return the scores of the models' weighted average, and its evidence.

        The averages are put where a model's answers stand, and read by the same code.
        """
        with lm_eval_seeds(), no_bars():
            read = {run: self._read(run, weights) for run in self._values}
            scores = {
                o.name: o.combine({r: read[r] for r in o.runs}, dict.fromkeys(o.runs, 0.0))
                for o in self._objectives
            }
        metrics = {
            run: {str(each.metric) for each in self._objectives if run in each.runs} for run in read
        }
        return scores, Evidence([_evidence(run, of, metrics[run]) for run, of in read.items()])

    def _read(self, run: TaskRun, weights: Sequence[float]) -> TaskAnswers:
        import numpy as np

        parts = zip(weights, self._values[run], strict=True)
        values = np.sum([weight * each for weight, each in parts if weight], axis=0)
        requests = run.requests(run.documents)
        together = self._together.get(run)
        greedy = together.greedy(weights) if together else [False] * len(requests)
        for ready, value, is_greedy in zip(requests, values, greedy, strict=True):
            rolling = ready.kind == "loglikelihood_rolling"
            answer = float(value) if rolling else (float(value), bool(is_greedy))
            ready.instance.resps, ready.instance.filtered_resps = [answer] * ready.times, {}
        return TaskAnswers(run.read(run.documents), documents=run.documents)


def _evidence(run: TaskRun, answers: TaskAnswers, metrics: set[str]) -> TaskEvidence:
    arrays = {}
    for metric, values in answers.values.items():
        kept = [values[doc_id] for doc_id in answers.documents if doc_id in values]
        found = as_numbers(kept) if len(kept) == len(answers.documents) else None
        if metric in metrics and found is not None:
            arrays[metric] = found
    return TaskEvidence(run.name, run.digest, answers.documents, arrays)
