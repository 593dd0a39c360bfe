"""All objectives of a study on one candidate: rounds of documents, scores, evidence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from optimerge.front.racing.blocks import looks
from optimerge.objectives.protocol import Candidate, Objective
from optimerge.objectives.round import Round, Spent
from optimerge.objectives.runs import TaskAnswers, TaskRun
from optimerge.objectives.scorer import TaskScorer
from optimerge.objectives.sparsity import SparsityScorer
from optimerge.records.evidence import Evidence, TaskEvidence, as_numbers
from optimerge.records.types import Score

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Answers = Mapping[TaskRun, TaskAnswers]


class Race(Protocol):
    """What may stop a candidate before its last round."""

    def lost(self, answers: Answers, exact: Mapping[str, Score]) -> str:
        """Return why the candidate need not go on, "" if it must.

        `answers`: of the documents scored so far; `exact`: scores that are known without them.
        """
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
    """By stage: answer (the model's part), metrics, and what no task is in (others)."""


class Evaluation:
    """The objectives of a study, in its order, with the documents of their tasks in rounds."""

    def __init__(self, objectives: Sequence[Objective], rounds: Sequence[Round] = ()) -> None:
        self.objectives = objectives
        self.rounds = rounds

    def score(self, candidate: Candidate, race: Race | None = None) -> Scored:
        """Score a candidate on every objective; TrialError if one cannot be scored.

        A candidate that loses the race has scores of tasks and of what the merge counted only.
        """
        exact = {o.name: o.score(candidate) for o in self.objectives if known_at_once(o)}
        answers: dict[TaskRun, TaskAnswers] = {}
        spent, reading, stopped = Spent(), 0.0, ""
        for number, each in enumerate(self.rounds, 1):
            spent += each.answer(candidate.model)
            started = perf_counter()
            for run, documents in each.parts:
                known = answers.get(run, TaskAnswers())
                answers[run] = known.and_more(run.read(documents), run.texts(documents))
            reading += perf_counter() - started
            if race is not None and number < len(self.rounds):
                stopped = race.lost(answers, exact)
            if stopped:
                break
        started = perf_counter()
        found = {**exact, **self._read(answers, spent)}
        reading += perf_counter() - started
        started = perf_counter()
        for objective in self.objectives:
            if objective.name not in found and not stopped:
                found[objective.name] = objective.score(candidate)
        return Scored(
            scores={o.name: found[o.name] for o in self.objectives if o.name in found},
            evidence=Evidence([_evidence(run, of) for run, of in answers.items()]),
            stopped=stopped,
            tokens=spent.tokens,
            seconds={
                "answer": sum(spent.seconds.values()),
                "metrics": reading,
                "others": perf_counter() - started,
            },
        )

    def _read(self, answers: Answers, spent: Spent) -> dict[str, Score]:
        scorers = [each for each in self.objectives if isinstance(each, TaskScorer)]
        share = Counter(each.run for each in scorers)
        return {
            each.name: each.read(answers[each.run], spent.seconds[each.run] / share[each.run])
            for each in scorers
        }


def make_evaluation(
    objectives: Sequence[Objective], model: "PreTrainedModel | None" = None, *, raced: bool = False
) -> Evaluation:
    """Deal out the documents of all tasks into rounds: one, or several if candidates are raced.

    `model`: a usable one, to choose by how requests are answered; without it, the live one.
    """
    answering = {each.run: each.answering for each in objectives if isinstance(each, TaskScorer)}
    if not answering:
        return Evaluation(objectives)
    counts = [len(run.documents) for run in answering]
    shared = next(iter(answering.values()))
    if model is not None:
        asked = [ready for run in answering for ready in run.requests(run.documents)]
        shared.prepare([pair for ready in asked for pair in ready.pairs], model)
    rounds, done = [], [0] * len(counts)
    for stops in looks(counts) if raced else [counts]:
        parts = [
            (run, run.documents[start:stop])
            for run, start, stop in zip(answering, done, stops, strict=True)
            if stop > start
        ]
        rounds.append(Round(parts, shared))
        done = list(stops)
    return Evaluation(objectives, rounds)


def known_at_once(objective: Objective) -> bool:
    """Whether the score follows from the merge alone, without running the model."""
    return isinstance(objective, SparsityScorer)


def _evidence(run: TaskRun, answers: TaskAnswers) -> TaskEvidence:
    arrays = {
        metric: found
        for metric, values in answers.values.items()
        if (found := as_numbers(list(values.values()))) is not None
    }
    documents = tuple(next(iter(answers.values.values()), {}))
    return TaskEvidence(run.name, run.digest, documents, arrays, answers.texts)
