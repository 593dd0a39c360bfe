"""All objectives of a study on one candidate: rounds of documents, scores, evidence."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from optimerge.front.racing.blocks import looks
from optimerge.objectives.on_tasks import OnTasks
from optimerge.objectives.protocol import Candidate, Objective
from optimerge.objectives.round import Round, Spent
from optimerge.objectives.runs import TaskAnswers, TaskRun
from optimerge.objectives.scorer import TaskScorer
from optimerge.records.evidence import Evidence, TaskEvidence, as_numbers
from optimerge.records.types import Score

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Answers = Mapping[TaskRun, TaskAnswers]


class Race(Protocol):
    """What may stop a candidate before its last round."""

    def lost(self, answers: Answers, known: Mapping[str, Score]) -> str:
        """Return why the candidate need not go on, "" if it must.

        `answers`: of the documents scored so far; `known`: scores of the objectives not raced on.
        """
        ...

    @property
    def going(self) -> bool:
        """Whether it is worth asking again before all documents are scored."""
        ...


@dataclass(frozen=True)
class Scored:
    """What a candidate came to."""

    scores: Mapping[str, Score]
    """In the study's order; where it was stopped, estimates from the documents scored so far."""
    evidence: Evidence = field(default_factory=Evidence)
    stopped: str = ""
    """Why a race stopped it; "" if it was scored whole."""
    tokens: int = 0
    """Tokens read to give log-likelihoods."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By stage: answer (the model on tasks), metrics, and objectives that are no tasks (others)."""


class Evaluation:
    """The objectives of a study, in its order, with the documents of their tasks in rounds."""

    def __init__(
        self,
        objectives: Sequence[Objective],
        rounds: Sequence[Round] = (),
        raced: Sequence[TaskScorer] = (),
    ) -> None:
        self.objectives = objectives
        self.rounds = rounds
        self.raced = raced
        """The objectives whose documents are dealt out over the rounds; others are scored first."""
        self._rests: dict[int, Round] = {}

    @property
    def on_tasks(self) -> list[OnTasks]:
        """The objectives that are tasks or groups."""
        return _on_tasks(self.objectives)

    @property
    def way(self) -> str:
        """How log-likelihoods are run, in words; "" if none is asked for."""
        return next((str(each.answering.way or "") for each in self.on_tasks), "")

    def score(self, candidate: Candidate, race: Race | None = None) -> Scored:
        """Score a candidate on every objective; TrialError if one cannot be scored."""
        started = perf_counter()
        known = {
            each.name: each.score(candidate)
            for each in self.objectives
            if not isinstance(each, OnTasks)
        }
        others = perf_counter() - started
        answers: dict[TaskRun, TaskAnswers] = {}
        spent, reading, stopped = Spent(), 0.0, ""
        number, left = 0, list(self.rounds)
        while left and not stopped:
            number, each = number + 1, left.pop(0)
            spent += each.answer(candidate.model, again=number > 1)
            started = perf_counter()
            for run, documents in each.parts:
                before = answers.get(run, TaskAnswers())
                answers[run] = before.and_more(documents, run.read(documents), run.texts(documents))
            if race is not None and left:
                if number == 1:
                    known |= self._read(answers, spent, raced=False)
                stopped = race.lost(answers, known)
                if not stopped and not race.going:
                    left = self._rest(number)
            reading += perf_counter() - started
        started = perf_counter()
        known |= self._read(answers, spent, raced=False) | self._read(answers, spent, raced=True)
        reading += perf_counter() - started
        return Scored(
            scores={each.name: known[each.name] for each in self.objectives},
            evidence=Evidence([_evidence(run, of) for run, of in answers.items()]),
            stopped=stopped,
            tokens=spent.tokens,
            seconds={
                "answer": sum(spent.seconds.values()),
                "metrics": reading,
                "others": others,
            },
        )

    def _rest(self, number: int) -> list[Round]:
        """Return the documents after so many rounds as one: fewer, larger batches."""
        if number not in self._rests:
            parts: dict[TaskRun, list[int]] = {}
            for each in self.rounds[number:]:
                for run, documents in each.parts:
                    parts.setdefault(run, []).extend(documents)
            self._rests[number] = self.rounds[number].with_parts(list(parts.items()))
        return [self._rests[number]]

    def _read(self, answers: Answers, spent: Spent, *, raced: bool) -> dict[str, Score]:
        scorers = self.on_tasks
        sharers = Counter(run for each in scorers for run in each.runs)
        seconds = {run: spent.seconds[run] / sharers[run] for run in answers}
        return {
            each.name: each.combine(answers, seconds)
            for each in scorers
            if (each in self.raced) is raced
        }


def make_evaluation(
    objectives: Sequence[Objective],
    model: "PreTrainedModel | None" = None,
    raced: Sequence[TaskScorer] = (),
) -> Evaluation:
    """Deal out the documents of raced tasks over several rounds; the first has all the others.

    `model`: a usable one, to choose by how requests are answered; without it, the live one.
    """
    scorers = _on_tasks(objectives)
    answering = {run: each.answering for each in scorers for run in each.runs}
    if not answering:
        return Evaluation(objectives)
    shared = scorers[0].answering
    if model is not None:
        asked = [ready for run in answering for ready in run.requests(run.documents)]
        shared.prepare([pair for ready in asked for pair in ready.pairs], model)
    in_race = list(dict.fromkeys(each.run for each in raced))
    counts = {run: len(run.documents) for run in answering}
    rounds, done = list[Round](), dict.fromkeys(answering, 0)
    for stops in looks([counts[run] for run in in_race]) if in_race else [()]:
        upto = counts | dict(zip(in_race, stops, strict=True))
        parts = [
            (run, run.documents[done[run] : upto[run]])
            for run in answering
            if upto[run] > done[run]
        ]
        rounds.append(Round(parts, shared))
        done = upto
    return Evaluation(objectives, rounds, raced)


def _on_tasks(objectives: Sequence[Objective]) -> list[OnTasks]:
    return [each for each in objectives if isinstance(each, OnTasks)]


def _evidence(run: TaskRun, answers: TaskAnswers) -> TaskEvidence:
    arrays = {}
    for metric, values in answers.values.items():
        found = as_numbers([values.get(doc_id, math.nan) for doc_id in answers.documents])
        if found is not None:
            arrays[metric] = found
    return TaskEvidence(run.name, run.digest, answers.documents, arrays, answers.texts)
