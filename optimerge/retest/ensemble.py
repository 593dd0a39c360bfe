"""The output ensemble of the parents: a reference, not a merge, that costs a pass for each of them.

What is averaged is in `pooled`. The weights are the point of a lattice on the simplex (`simplex`)
with the highest mean search score over the tasks, of equals that nearest to equal weights; a task
whose scores are minimised counts with a minus. The test items play no part in it.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from optimerge.errors import OptimergeError, TrialError
from optimerge.front.task_mean import mean_to_choose_by
from optimerge.objectives.evaluation import Evaluation
from optimerge.records.evidence import Evidence, write_evidence
from optimerge.records.full_disk import patiently
from optimerge.records.optuna_access import id_of, trial_of
from optimerge.records.origins import ENSEMBLE
from optimerge.records.types import Score, Trial
from optimerge.retest.exams import Exam
from optimerge.retest.found import Found
from optimerge.retest.measure import Bench, begin, fail, keep
from optimerge.retest.pooled import (
    Answers,
    Pool,
    answered,
    captured,
    pooled_objectives,
    why_not_pooled,
)
from optimerge.retest.simplex import best
from optimerge.retest.study import Record
from optimerge.search.places import withdraw


class Ensemble:
    """Collects the parents' answers and puts them together."""

    def __init__(self, bench: Bench, parents: Sequence[Found]) -> None:
        self._bench, self._parents = bench, parents
        self._kept: dict[tuple[str, int], Answers] = {}
        """By parent and number of exam."""

    def skipped(self) -> dict[str, str]:
        """Return what it cannot be scored on, and why; under "ensemble" if that is everything."""
        if len(self._parents) < 2:
            return {ENSEMBLE: "it needs two parents that can be scored"}
        tasks = [o for each in self._evaluations() for o in each.on_tasks]
        reasons = {o.name: why for o in tasks if (why := why_not_pooled(o))}
        if not pooled_objectives(self._bench.session.evaluation):
            return {ENSEMBLE: next(iter(reasons.values()), "no objective is a task")}
        return {f"{ENSEMBLE} on {name}": why for name, why in reasons.items()}

    def done(self) -> bool:
        """Whether the study has it, on all that it can be scored on."""
        return not self._bench.missing(ENSEMBLE, self._names())

    def heard(self, parent: Found, exams: Sequence[Exam]) -> None:
        """Keep the answers of a parent that was just scored on these exams."""
        model = self._bench.session.engine.model
        for number, exam in enumerate(self._bench.exams):
            if exam in exams:
                self._kept[parent.name, number] = captured(exam.evaluation, model)

    def measure(self) -> Record:
        """Score the ensemble on what it has no scores on, fit its weights if need be."""
        bench = self._bench
        trial = begin(bench, ENSEMBLE)
        try:
            record, evidence = self._scored(trial.number)
            return keep(bench, trial, record, evidence)
        except OptimergeError as error:
            ended = Trial(trial.number, "failed", ENSEMBLE, {}, "", error=str(error))
            return fail(bench, trial, ended)
        except KeyboardInterrupt:
            withdraw(bench.study, trial_of(bench.study, id_of(trial)), "interrupted")
            raise

    def _scored(self, number: int) -> tuple[Record, Evidence]:
        bench = self._bench
        known = bench.records.get(ENSEMBLE)
        if known is None or known.trial.state != "complete" or not known.weights:
            known = self._fitted(number)
        weights = [known.weights.get(parent.name, 0.0) for parent in self._parents]
        missing = bench.missing(ENSEMBLE, self._names())
        scores: dict[str, Score] = {}
        measured: dict[str, str] = {}
        evidence = Evidence()
        for at, exam in enumerate(bench.exams):
            objectives = pooled_objectives(exam.evaluation)
            if exam not in missing or not objectives:
                continue
            answers = [self._answers(parent, at, exam.evaluation) for parent in self._parents]
            found, more = Pool(objectives, answers).scores(weights)
            scores |= found
            measured |= {each.name: exam.digests[each.name] for each in objectives}
            evidence = Evidence([*evidence.tasks, *more.tasks])
        ended = Trial(number, "complete", ENSEMBLE, {}, "", scores=scores)
        return replace(known, trial=ended, measured=measured), evidence

    def _fitted(self, number: int) -> Record:
        """Return a record with weights fitted on the search items, and the scores there."""
        run, evaluation = self._bench.session.run, self._bench.session.evaluation
        objectives = pooled_objectives(evaluation)
        pool = Pool(objectives, [self._answered(p, evaluation) for p in self._parents])

        def mean(weights: Sequence[float]) -> float:
            scores, _ = pool.scores(weights)
            return mean_to_choose_by(scores.values())

        weights = best(len(self._parents), mean)
        scores, evidence = pool.scores(weights)
        name = f"test-{number:05d}-search"
        patiently(run.folder, partial(write_evidence, run.artifacts, name, evidence))
        by_parent = {p.name: w for p, w in zip(self._parents, weights, strict=True)}
        nothing = Trial(number, "complete", ENSEMBLE, {}, "")
        return Record(nothing, weights=by_parent, search=scores, search_evidence=name)

    def _answers(self, parent: Found, at: int, evaluation: Evaluation) -> Answers:
        if (parent.name, at) not in self._kept:
            self._kept[parent.name, at] = self._answered(parent, evaluation)
        return self._kept[parent.name, at]

    def _answered(self, parent: Found, evaluation: Evaluation) -> Answers:
        session = self._bench.session
        try:
            session.engine.apply(parent.recipe)
            return answered(evaluation, session.engine.model)
        except TrialError as error:
            raise TrialError(f"parent {parent.name!r}: {error}") from error

    def _evaluations(self) -> list[Evaluation]:
        return [self._bench.session.evaluation, *(e.evaluation for e in self._bench.exams)]

    def _names(self) -> list[str]:
        return [o.name for e in self._bench.exams for o in pooled_objectives(e.evaluation)]
