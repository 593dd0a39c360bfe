"""What a retest scores, known before it begins: merges, baselines, rebuilds, about how long."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from optimerge.errors import RunError
from optimerge.front.front import front_of
from optimerge.records.run import Run, find_trial
from optimerge.records.types import Trial
from optimerge.retest.baselines import BASELINES, SCALES, Baseline, experts_of, why_not
from optimerge.retest.exams import Exam
from optimerge.retest.masks import stochastic
from optimerge.search.session import Session
from optimerge.space.objectives import TaskObjective


@dataclass(frozen=True)
class Wanted:
    """What a user asks for."""

    trials: Sequence[int] = ()
    """Only these merges and the parents; none: the whole front, baselines and the ensemble."""
    baselines: bool = True
    masks: int = 3
    """Rebuilds of a merge with random masks, each from another seed."""
    test_items: int | None = None
    """Test items of tasks that the space keeps none of."""


@dataclass(frozen=True)
class Plan:
    """What is to be scored, in order, whether it has scores already or not."""

    parents: int
    merges: tuple[Trial, ...]
    baselines: tuple[Baseline, ...]
    skipped: dict[str, str] = field(default_factory=dict)
    ensemble: bool = False
    stochastic: tuple[Trial, ...] = ()
    masks: int = 0
    seconds: float = 0.0
    """About what it takes, nothing of it being there; 0 if that cannot be told."""

    @property
    def rebuilds(self) -> int:
        """Stochastic merges times seeds."""
        return len(self.stochastic) * self.masks

    @property
    def searched(self) -> int:
        """Models that baselines score on the search items, at the most."""
        return sum(_candidates(each, self.parents - 1) for each in self.baselines)

    @property
    def tested(self) -> int:
        """Models that are scored on the test items."""
        return self.parents + len(self.merges) + len(self.baselines) + self.rebuilds


def make_plan(session: Session, exams: Sequence[Exam], wanted: Wanted) -> Plan:
    """Return what is to be scored; RunError if an asked trial is no complete merge."""
    run = session.run
    merges = asked_merges(run, wanted.trials) if wanted.trials else front_of(run).merges
    whole = wanted.baselines and not wanted.trials
    tasks = any(isinstance(spec, TaskObjective) for spec in session.space.objectives)
    reasons = {b.name: why_not(session, b, tasks=tasks) for b in BASELINES if whole}
    plan = Plan(
        parents=1 + len(experts_of(session)),
        merges=tuple(merges),
        baselines=tuple(b for b in BASELINES if whole and not reasons[b.name]),
        skipped={name: why for name, why in reasons.items() if why},
        ensemble=whole,
        stochastic=tuple(stochastic(merges, session)) if wanted.masks else (),
        masks=wanted.masks,
    )
    return replace(plan, seconds=_seconds(session, exams, plan))


def asked_merges(run: Run, numbers: Sequence[int]) -> list[Trial]:
    """Return the merges of these numbers, once each; RunError if one has no scores."""
    found = []
    for number in dict.fromkeys(numbers):
        trial = find_trial(run, str(number))
        if trial.state != "complete":
            why = trial.error or trial.stopped or "it has no scores"
            raise RunError(
                f"{run.folder}: --trial {number} is {trial.state} ({why}); give a complete one"
            )
        if not trial.is_parent:  # parents are scored anyway
            found.append(trial)
    return found


def _seconds(session: Session, exams: Sequence[Exam], plan: Plan) -> float:
    """Return what the run's own seconds a trial make of it, by the number of documents."""
    complete = [t for t in session.run.trials() if t.state == "complete"]
    each = [t.seconds.get("merge", 0.0) + t.seconds.get("score", 0.0) for t in complete]
    on_search = sum(len(r.documents) for o in session.evaluation.on_tasks for r in o.runs)
    on_test = sum(len(r.documents) for e in exams for o in e.evaluation.on_tasks for r in o.runs)
    if not each:
        return 0.0
    share = on_test / on_search if on_search else 1.0
    passes = plan.parents if plan.ensemble else 0
    return median(each) * (plan.searched + passes + share * plan.tested)


def _candidates(baseline: Baseline, experts: int) -> int:
    if baseline.name == "greedy_soup":
        return experts - 1  # the first is a parent
    return len(SCALES) if baseline.name == "task_arithmetic" else 1
