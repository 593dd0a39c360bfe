"""One metric of an lm-eval task, as an objective."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from optimerge.errors import TrialError
from optimerge.objectives.items import ItemSets, digest_items
from optimerge.objectives.metrics import Metric, aggregation, standard_error
from optimerge.objectives.on_tasks import OnTasks
from optimerge.objectives.runs import TaskAnswers, TaskRun
from optimerge.records.types import Score

if TYPE_CHECKING:
    from optimerge.objectives.answering import Answering


class TaskScorer(OnTasks):
    """One metric of one task on one set of documents.

    Metrics of the same task on the same documents share a run; an `Evaluation` answers it once.
    """

    def __init__(
        self, name: str, metric: Metric, items: ItemSets, run: TaskRun, answering: "Answering"
    ) -> None:
        super().__init__(name, metric, (run,), answering)
        self.items, self.run = items, run
        self.test_digest = ""

    def combine(
        self, answers: Mapping[TaskRun, TaskAnswers], seconds: Mapping[TaskRun, float]
    ) -> Score:
        """Reduce the answers of its runs; `seconds`: its part of what each run took."""
        return self.read(answers[self.run], seconds[self.run])

    @property
    def digest(self) -> str:
        """32 hex digits of the task's name, the ids scored, their prompts, and the test's items."""
        return digest_items(self.run.digest, [(0, (self.test_digest,))])

    def read(self, answers: TaskAnswers, seconds: float) -> Score:
        """Reduce a run's answers to this metric; an estimate, if not all documents are in it."""
        found, task = answers.values.get(str(self.metric)), self.run.task
        if found is None:
            raise TrialError(
                f"objective {self.name!r}: task {self.run.name!r} gave no {str(self.metric)!r}, "
                f"but {', '.join(answers.values)}"
            )
        values = [found[doc_id] for doc_id in sorted(found)]
        try:
            value = float(aggregation(task, self.metric.name)(values))
            whole = len(self.run.documents)
            partly = len(answers.documents) < whole  # else the metric leaves documents out
            of = whole if partly else len(values)
            stderr = standard_error(task, self.metric.name, values, of)
        except Exception as error:
            raise TrialError(
                f"objective {self.name!r}: {str(self.metric)!r} of task {self.run.name!r} cannot "
                f"be computed ({type(error).__name__}: {error})"
            ) from error
        if not math.isfinite(value):
            raise TrialError(
                f"objective {self.name!r}: {str(self.metric)!r} of task {self.run.name!r} is "
                f"{value}"
            )
        return Score(value, stderr, len(values), self.direction, seconds)
