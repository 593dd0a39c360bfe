"""One metric of an lm-eval task, as an objective."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from optimerge.errors import TrialError
from optimerge.objectives.items import ItemSets, digest_items
from optimerge.objectives.metrics import Metric, aggregation, standard_error
from optimerge.objectives.protocol import Candidate
from optimerge.records.types import Score

if TYPE_CHECKING:
    from optimerge.objectives.runs import TaskAnswers, TaskRun


class TaskScorer:
    """One metric of one task on one set of documents.

    Metrics of the same task on the same documents share a run; `score_all` answers it once.
    """

    def __init__(self, name: str, metric: Metric, items: ItemSets, run: "TaskRun") -> None:
        self.name, self.metric, self.items, self.run = name, metric, items, run
        self.direction = metric.direction
        self.test_digest = ""
        self.notes: tuple[str, ...] = ()
        self.runs = (run,)

    def combine(
        self, answers: "Mapping[TaskRun, TaskAnswers]", shares: "Mapping[TaskRun, int]"
    ) -> Score:
        """Reduce the answers of its runs; each run's seconds are shared by `shares` objectives."""
        return self.read(answers[self.run], shares[self.run])

    @property
    def digest(self) -> str:
        """32 hex digits of the task's name, the ids scored, their prompts, and the test's items."""
        return digest_items(self.run.digest, [(0, (self.test_digest,))])

    def score(self, candidate: Candidate) -> Score:
        """Score the candidate's model as it stands now; TrialError if that is not a number."""
        return self.read(self.run.evaluate(candidate.model))

    def read(self, answers: "TaskAnswers", share: int = 1) -> Score:
        """Reduce a run's answers to this metric; `share` objectives split the run's seconds."""
        values, task = answers.values.get(str(self.metric)), self.run.task
        if values is None:
            raise TrialError(
                f"objective {self.name!r}: task {self.run.name!r} gave no {str(self.metric)!r}, "
                f"but {', '.join(answers.values)}"
            )
        try:
            value = float(aggregation(task, self.metric.name)(values))
            stderr = standard_error(task, self.metric.name, values)
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
        return Score(value, stderr, len(values), self.direction, answers.seconds / share)
