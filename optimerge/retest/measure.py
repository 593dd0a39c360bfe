"""Scores one model on test items and records it; what is known of it is not scored again."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from optimerge.front.losses import to_loss
from optimerge.recipe.schema import Recipe
from optimerge.records.evidence import Evidence, read_evidence, write_evidence
from optimerge.records.full_disk import patiently
from optimerge.records.lease import WORKER, Worker, life
from optimerge.records.types import Score, Trial
from optimerge.retest.exams import Exam, with_exams
from optimerge.retest.study import Record, latest, record_attributes
from optimerge.search.candidate import Outcome, attempt
from optimerge.search.places import withdraw
from optimerge.search.session import Session
from optimerge.search.tell import telling_of_disk
from optimerge.space.objectives import TaskObjective, objective_name

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)


@dataclass
class Bench:
    """What models are scored with, and the records of those that were."""

    session: Session
    """On the search items."""
    exams: Sequence[Exam]
    study: "optuna.Study"
    records: dict[str, Record] = field(default_factory=dict)
    """The last of each model, by key."""

    def __post_init__(self) -> None:
        self.records = latest(self.study)

    def missing(self, key: str, names: Sequence[str] | None = None) -> list[Exam]:
        """Return the exams that a model has no scores on; `names`: only of these objectives."""
        known = self.records.get(key)
        measured = known.measured if known and known.trial.state == "complete" else {}
        return [
            each
            for each in self.exams
            if any(
                measured.get(name) != digest
                for name, digest in each.digests.items()
                if names is None or name in names
            )
        ]


def measure(bench: Bench, origin: str, recipe: Recipe, text: str) -> tuple[Record, bool]:
    """Return a model's record with scores on every set, and whether anything was scored now.

    `recipe` is what is built; `text` what the run knows it by.
    """
    missing = bench.missing(text)
    if not missing:
        return bench.records[text], False
    session = with_exams(bench.session, missing)
    trial = begin(bench, origin)
    try:
        outcome = attempt(
            session, recipe, record=lambda late: _fail(bench, trial, origin, text, late)
        )
        if outcome.scored is None:
            return _fail(bench, trial, origin, text, outcome), True
        measured = {name: digest for each in missing for name, digest in each.digests.items()}
        record = Record(
            Trial(
                number=trial.number,
                state="complete",
                origin=origin,
                params={},
                recipe=text,
                scores=outcome.scored.scores,
                stats=outcome.stats,
                seconds=outcome.seconds,
                tokens=outcome.scored.tokens,
            ),
            measured,
        )
        return keep(bench, trial, record, outcome.scored.evidence), True
    except KeyboardInterrupt:
        withdraw(bench.study, bench.study._storage.get_trial(trial._trial_id), "interrupted")
        raise


def begin(bench: Bench, origin: str) -> "optuna.Trial":
    """Begin a trial of the study."""
    import optuna

    marked = {"origin": origin, WORKER: str(bench.session.worker)}
    template = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, user_attrs=marked)
    study = bench.study
    return optuna.Trial(study, study._storage.create_new_trial(study._study_id, template))


def keep(bench: Bench, trial: "optuna.Trial", record: Record, evidence: Evidence) -> Record:
    """End a trial with a record, put together with what was known of the model before."""
    run, name = bench.session.run, f"test-{trial.number:05d}"
    known = bench.records.get(record.key)
    if known is not None and known.trial.state == "complete":
        record, evidence = _together(bench, known, record, evidence)
    if evidence.tasks:
        with telling_of_disk(run):
            patiently(run.folder, partial(write_evidence, run.artifacts, name, evidence))
        record = replace(record, trial=replace(record.trial, evidence=name))
    for key, value in record_attributes(record).items():
        trial.set_user_attr(key, value)
    bench.study.tell(trial, _mean(bench, record.trial.scores))
    bench.records[record.key] = record
    return record


def _together(
    bench: Bench, known: Record, new: Record, evidence: Evidence
) -> tuple[Record, Evidence]:
    """Add what an earlier record has and still holds: scores on the same items."""
    asked = {name: digest for each in bench.exams for name, digest in each.digests.items()}
    held = {
        name: digest
        for name, digest in known.measured.items()
        if name not in new.measured and asked.get(name, digest) == digest
    }
    before = read_evidence(bench.session.run.artifacts, known.trial.evidence) or Evidence()
    fresh = {(task.task, task.digest) for task in evidence.tasks}
    rest = [task for task in before.tasks if (task.task, task.digest) not in fresh]
    scores = {**{name: known.trial.scores[name] for name in held}, **new.trial.scores}
    record = replace(
        new,
        trial=replace(new.trial, scores=scores),
        measured={**held, **new.measured},
        search=new.search or known.search,
        search_evidence=new.search_evidence or known.search_evidence,
    )
    return record, Evidence([*rest, *evidence.tasks])


def _mean(bench: Bench, scores: Mapping[str, Score]) -> float:
    """Return the mean over the tasks, larger is better; 0 where none was scored."""
    tasks = {
        objective_name(spec)
        for each in bench.exams
        for spec in each.specs
        if isinstance(spec, TaskObjective)
    }
    found = [-to_loss(s.value, s.direction) for n, s in scores.items() if n in tasks]
    return sum(found) / len(found) if found else 0.0


def _fail(bench: Bench, trial: "optuna.Trial", origin: str, text: str, outcome: Outcome) -> Record:
    return fail(bench, trial, Trial(trial.number, "failed", origin, {}, text, error=outcome.error))


def fail(bench: Bench, trial: "optuna.Trial", ended: Trial) -> Record:
    """End a trial as failed; what was known of its model before stays known."""
    from optuna.trial import TrialState

    for key, value in (("origin", ended.origin), ("recipe", ended.recipe), ("error", ended.error)):
        trial.set_user_attr(key, value)
    bench.study.tell(trial, state=TrialState.FAIL)
    record = Record(ended)
    known = bench.records.get(record.key)
    if known is None or known.trial.state != "complete":
        bench.records[record.key] = record
    return record


def clear_lost(study: "optuna.Study") -> None:
    """End what processes of this machine left running that are gone: it is scored again."""
    from optuna.trial import TrialState

    for stored in study.get_trials(deepcopy=False):
        if stored.state is TrialState.RUNNING:
            worker = Worker.parse(str(stored.user_attrs.get(WORKER)))
            if life(worker) == "gone":
                withdraw(study, stored, "its worker is gone; repeated later")
