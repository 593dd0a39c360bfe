"""Races a candidate against the front: what surely cannot be on it is not scored to the end.

The rivals are the feasible members of the front, parents among them, as they are when the
candidate's race begins, with their outcomes on every document from the evidence of the run. Raced
on are means over documents whose outcomes lie between 0 and 1: only they have bounded differences
document by document. The other objectives are scored whole, first, and decide who is a rival. What
is proved, and how: `front.racing.race`.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optimerge.errors import RunError
from optimerge.front.dominance import non_dominated
from optimerge.front.losses import losses_of, to_loss
from optimerge.front.racing.race import Incumbent, Race, RaceTask
from optimerge.objectives.evaluation import Answers, Evaluation
from optimerge.objectives.metrics import BOUNDED, is_bounded, is_mean
from optimerge.objectives.protocol import Objective
from optimerge.objectives.scorer import TaskScorer
from optimerge.records.evidence import Evidence, read_evidence
from optimerge.records.run import Run
from optimerge.records.types import Score, Trial

if TYPE_CHECKING:
    from numpy import ndarray

log = logging.getLogger(__name__)


def raced_on(objectives: Sequence[Objective]) -> list[TaskScorer]:
    """Return the objectives that are means of outcomes from 0 to 1, and share them only with such.

    Documents that another metric, such as f1, is computed from as well are all scored at once. So
    are answers drawn at random: they depend on what else is in their batch.
    """
    tasks = [each for each in objectives if isinstance(each, TaskScorer)]
    whole = {
        each.run
        for each in tasks
        if each.metric.name not in BOUNDED
        or not is_mean(each.run.task, each.metric.name)
        or each.run.draws
    }
    return [each for each in tasks if each.run not in whole]


class Races:
    """Makes the race of each candidate; keeps the rivals' outcomes from one to the next."""

    def __init__(self, run: Run, evaluation: Evaluation, confidence: float) -> None:
        self._run, self._confidence = run, confidence
        axes = run.info.objectives
        self._scorers = [each for each in evaluation.raced if each.name in axes]
        raced = {each.name for each in self._scorers}
        self._exact = [name for name in axes if name not in raced]
        self._kept: dict[str, Evidence | None] = {}

    def next(self) -> "CandidateRace | None":
        """Return the race of the next candidate; None while it has no rival to lose to."""
        if not self._scorers:
            return None
        rivals: list[Incumbent] = []
        for member in self._members():
            outcomes = self._outcomes(member)
            if outcomes is not None:
                exact = [_loss(member.scores[name]) for name in self._exact]
                rivals.append(Incumbent(member.name, outcomes, exact))
        if not rivals:
            return None
        return CandidateRace(self._scorers, self._exact, rivals, self._confidence)

    def _members(self) -> list[Trial]:
        feasible = [trial for trial in self._run.trials() if trial.feasible]
        on_front = non_dominated(losses_of(feasible, self._run.info.objectives))
        members = [trial for trial, is_on in zip(feasible, on_front, strict=True) if is_on]
        names = {member.evidence for member in members}
        self._kept = {name: kept for name, kept in self._kept.items() if name in names}
        return members

    def _outcomes(self, member: Trial) -> "list[ndarray] | None":
        """Return a member's losses on every document, by task; None if they are not at hand."""
        if member.evidence not in self._kept:
            self._kept[member.evidence] = self._read(member)
        kept, found = self._kept[member.evidence], []
        for scorer in self._scorers:
            of = kept.of(scorer.run.name, scorer.run.digest) if kept else None
            if of is None or of.documents != scorer.run.documents:
                return None
            values = of.values.get(str(scorer.metric))
            if values is None or values.shape != (len(of.documents),):
                return None
            if not is_bounded(scorer.metric.name, values):
                return None
            found.append(_signed(values, scorer))
        return found

    def _read(self, member: Trial) -> Evidence | None:
        try:
            return read_evidence(self._run.artifacts, member.evidence)
        except RunError as error:  # a damaged file costs a rival, not the night
            log.warning("trial %s is not raced against: %s", member.name, error)
            return None


@dataclass
class CandidateRace:
    """One candidate's race: see `objectives.evaluation.Race`."""

    scorers: Sequence[TaskScorer]
    exact: Sequence[str]
    """Names of the objectives that are not raced on."""
    rivals: Sequence[Incumbent]
    confidence: float
    going: bool = field(init=False, default=False)
    _race: Race | None = field(init=False, default=None)

    def lost(self, answers: Answers, known: Mapping[str, Score]) -> str:
        """Return why the candidate need not go on, "" if it must."""
        import numpy as np

        self.going = False
        if self._race is None:
            tasks = [RaceTask(len(each.run.documents), *_bounds(each)) for each in self.scorers]
            mine = [_loss(known[name]) for name in self.exact]
            self._race = Race(tasks, self.rivals, mine, self.confidence)
        for index, scorer in enumerate(self.scorers):
            found = answers[scorer.run].values.get(str(scorer.metric), {})
            done = answers[scorer.run].documents[self._race.items[index] :]
            if any(doc_id not in found for doc_id in done):
                return ""  # a metric that leaves documents out is no mean over all
            values = np.array([found[doc_id] for doc_id in done], np.float64)
            if not is_bounded(scorer.metric.name, values):
                return ""  # nothing is proved of it; it is scored whole
            self._race.add(index, _signed(values, scorer))
        verdict = self._race.verdict()
        if verdict is None:
            self.going = self._race.promising
            return ""
        counts = ", ".join(
            f"{seen} of {len(each.run.documents)}"
            for seen, each in zip(verdict.items, self.scorers, strict=True)
        )
        return (
            f"dominated by {verdict.incumbent} after {counts} items "
            f"({'certain' if verdict.certain else f'confidence {self.confidence:g}'})"
        )


def _loss(score: Score) -> float:
    return to_loss(score.value, score.direction)


def _signed(values: "ndarray", scorer: TaskScorer) -> "ndarray":
    return values * to_loss(1.0, scorer.direction)


def _bounds(scorer: TaskScorer) -> tuple[float, float]:
    """Return the least and the greatest loss of an item."""
    ends = to_loss(0.0, scorer.direction), to_loss(1.0, scorer.direction)
    return min(ends), max(ends)
