"""What objectives on lm-eval tasks have in common: runs that are answered, and read as a score."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from optimerge.objectives.metrics import Metric
from optimerge.objectives.protocol import Candidate
from optimerge.objectives.round import Round
from optimerge.objectives.runs import TaskAnswers, TaskRun
from optimerge.records.types import Score

if TYPE_CHECKING:
    from optimerge.objectives.answering import Answering


class OnTasks(ABC):
    """One metric of one or more tasks; runs may be shared: an `Evaluation` answers each once."""

    def __init__(
        self, name: str, metric: Metric, runs: tuple[TaskRun, ...], answering: "Answering"
    ) -> None:
        self.name, self.metric, self.runs, self.answering = name, metric, runs, answering
        self.direction = metric.direction
        self.notes: tuple[str, ...] = ()
        """What is not quite as it was asked for."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """32 hex digits of the tasks' names, the ids scored and their prompts."""

    @abstractmethod
    def combine(
        self, answers: Mapping[TaskRun, TaskAnswers], seconds: Mapping[TaskRun, float]
    ) -> Score:
        """Reduce the answers of its runs; `seconds`: its part of what each run took."""

    def score(self, candidate: Candidate) -> Score:
        """Score the candidate's model as it stands now; TrialError if that is not a number."""
        spent = self._whole.answer(candidate.model)
        answers = {
            run: TaskAnswers(run.read(run.documents), documents=run.documents) for run in self.runs
        }
        return self.combine(answers, spent.seconds)

    @cached_property
    def _whole(self) -> Round:
        return Round([(run, run.documents) for run in self.runs], self.answering)
