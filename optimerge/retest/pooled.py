"""Answers of several models put together: a weighted average of their log-probabilities.

For a request (a context and an option) with log-likelihoods l_i by the models i and weights w_i on
the simplex, the ensemble's is sum_i w_i l_i. As a log-likelihood is a sum over the option's tokens,
that is the weighted average of log-probabilities at every token, summed: a geometric mean of the
models' probabilities that is not renormalised over the vocabulary (a product of experts up to the
normalising sum at each token). Options are compared under the same context, as a task's metric does
it, so what renormalising would take off is left out of all of them, though not the same for each.
Perplexities and the like are those of the unnormalised product, an upper limit of the normalised
one's: by Hölder's inequality the normalising sum is at most 1.

What cannot be put together so: texts that are generated, and whether an answer is the greedy one,
which needs the whole distribution of each token.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optimerge.objectives.evaluation import Evaluation
from optimerge.objectives.on_tasks import OnTasks
from optimerge.objectives.runs import TaskAnswers, TaskRun
from optimerge.records.evidence import Evidence, TaskEvidence, as_numbers
from optimerge.records.types import Score

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    Loglikelihoods = Mapping[TaskRun, NDArray[float64]]
    """By run, of every request in the order of its documents."""

GREEDY = {"multiple_choice": ("exact_match",), "loglikelihood": ("acc",)}
"""By kind of task, metrics of lm-eval that ask whether an answer is the greedy one."""
OPEN = "loglikelihood", "loglikelihood_rolling"


def why_not_pooled(objective: OnTasks) -> str:
    """Return why an objective cannot be scored on an ensemble's answers, "" if it can."""
    for run in objective.runs:
        if any(ready.kind not in OPEN for ready in run.requests(run.documents)):
            return f"task {run.name} generates text, which cannot be averaged"
        if objective.metric.name in GREEDY.get(run.task.OUTPUT_TYPE, ()):
            return f"{objective.metric.name} of task {run.name} asks for greedy answers"
    return ""


def pooled_objectives(evaluation: Evaluation) -> list[OnTasks]:
    """Return the objectives that an ensemble can be scored on."""
    return [each for each in evaluation.on_tasks if not why_not_pooled(each)]


def runs_of(objectives: Iterable[OnTasks]) -> list[TaskRun]:
    """Return the runs of objectives, once each."""
    return list(dict.fromkeys(run for each in objectives for run in each.runs))


def answered(evaluation: Evaluation, model: "PreTrainedModel") -> "Loglikelihoods":
    """Have the model, as it stands now, answer what can be pooled, in the batches of its scores."""
    wanted = set(runs_of(pooled_objectives(evaluation)))
    for number, each in enumerate(evaluation.rounds):
        parts = [part for part in each.parts if part[0] in wanted]
        chosen = each if len(parts) == len(each.parts) else each.with_parts(parts)
        if parts:
            chosen.answer(model, again=number > 0)
    return captured(evaluation)


def captured(evaluation: Evaluation) -> "Loglikelihoods":
    """Return what the model that was scored last answered to what can be pooled."""
    import numpy as np

    found: dict[TaskRun, NDArray[float64]] = {}
    for run in runs_of(pooled_objectives(evaluation)):
        answers = [ready.instance.resps[0] for ready in run.requests(run.documents)]
        values = [a[0] if isinstance(a, tuple) else a for a in answers]
        found[run] = np.array(values, dtype=np.float64)
    return found


def pooled(
    objectives: Sequence[OnTasks],
    answers: "Sequence[Loglikelihoods]",
    weights: Sequence[float],
) -> tuple[dict[str, Score], Evidence]:
    """Return the scores of the models' weighted average on the objectives, and its evidence.

    The averages are put where a model's answers stand, and read by the same code.
    """
    read = {
        run: _read(run, [each[run] for each in answers], weights) for run in runs_of(objectives)
    }
    scores = {
        each.name: each.combine({r: read[r] for r in each.runs}, dict.fromkeys(each.runs, 0.0))
        for each in objectives
    }
    metrics = {run: {str(each.metric) for each in objectives if run in each.runs} for run in read}
    return scores, Evidence([_evidence(run, of, metrics[run]) for run, of in read.items()])


def _read(run: TaskRun, answers: "Sequence[Any]", weights: Sequence[float]) -> TaskAnswers:
    values = sum(weight * each for weight, each in zip(weights, answers, strict=True) if weight)
    for ready, value in zip(run.requests(run.documents), values, strict=True):
        rolling = ready.kind == "loglikelihood_rolling"
        answer = float(value) if rolling else (float(value), False)
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
