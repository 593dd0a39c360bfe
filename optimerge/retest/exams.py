"""The objectives of a run on test items, and those under `report:`.

The space's own objectives are answered together, in one batch plan, as `lm_eval` or an evaluation
of the exported model would answer them; each one under `report:` by itself, so that its batches do
not depend on what else is reported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from optimerge.errors import RunError
from optimerge.objectives.evaluation import Evaluation, Race, Scored, make_evaluation
from optimerge.objectives.make import space_objectives
from optimerge.objectives.on_tasks import OnTasks
from optimerge.objectives.protocol import Candidate, Objective
from optimerge.records.evidence import Evidence
from optimerge.records.full_disk import patiently
from optimerge.records.prompts import write_items
from optimerge.retest.unseen import Searched, members, searched_by, without_test_items
from optimerge.search.session import Session
from optimerge.search.tokenizer import load_tokenizer
from optimerge.space.objectives import ObjectiveSpec, TaskObjective, objective_name


@dataclass(frozen=True)
class Exam:
    """Objectives that are scored together."""

    specs: tuple[ObjectiveSpec, ...]
    evaluation: Evaluation

    @property
    def digests(self) -> dict[str, str]:
        """By objective the digest of its items; "" for what has no items."""
        return {o.name: getattr(o, "digest", "") for o in self.evaluation.objectives}


class Joined(Evaluation):
    """Several evaluations one after the other, each with its own batches."""

    def __init__(self, parts: Sequence[Evaluation]) -> None:
        super().__init__([each for part in parts for each in part.objectives])
        self._parts = parts

    def score(self, candidate: Candidate, race: Race | None = None) -> Scored:
        """Score a candidate on every objective; TrialError if one cannot be scored."""
        found = [part.score(candidate) for part in self._parts]
        stages = dict.fromkeys(stage for each in found for stage in each.seconds)
        return Scored(
            scores={name: score for each in found for name, score in each.scores.items()},
            evidence=Evidence([task for each in found for task in each.evidence.tasks]),
            tokens=sum(each.tokens for each in found),
            seconds={s: sum(each.seconds.get(s, 0.0) for each in found) for s in stages},
        )


def with_exams(session: Session, exams: Sequence[Exam]) -> Session:
    """Return the session with these objectives in the place of the search's."""
    specs = tuple(spec for each in exams for spec in each.specs)
    return replace(
        session,
        space=replace(session.space, objectives=specs, report=()),
        evaluation=Joined([each.evaluation for each in exams]),
        races=None,
    )


def make_exams(
    session: Session, test_items: int | None = None, *, allow_code: bool = False
) -> list[Exam]:
    """Build the space's objectives on test items, then each one under `report:`.

    `test_items`: how many to draw for tasks that the space keeps none for, from the documents that
    the search does not score on. RunError if there is such a task, and no number; or no task.
    """
    space, searched = session.space, searched_by(session.evaluation)
    if not any(isinstance(spec, TaskObjective) for spec in space.measured):
        raise RunError(
            f"{space.file}: no objective is a task, so there are no test items; name tasks under "
            "`report:` and give the file with --report"
        )
    lacking = without_test_items(session.evaluation)
    if lacking and test_items is None:
        raise _no_test_items(session, lacking)
    kept = {each.name: each for each in session.evaluation.objectives}
    made: dict[str, Objective] = {}
    for spec in space.objectives:
        name = objective_name(spec)
        if not isinstance(spec, TaskObjective):
            made[name] = kept[name]
        elif name in lacking:
            unseen = spec.model_copy(update={"test_items": test_items})
            made |= _made(session, [unseen], allow_code, searched)
    own = [s for s in space.objectives if objective_name(s) not in made]
    made |= _made(session, own, allow_code)
    objectives = [made[name] for name in space.objective_names]
    found = [Exam(space.objectives, make_evaluation(objectives, session.engine.model))]
    for spec in space.report:
        (one,) = _made(session, [spec], allow_code, searched).values()
        found.append(Exam((spec,), make_evaluation([one], session.engine.model)))
    _keep_prompts(session, found)
    return found


def _made(
    session: Session,
    specs: Sequence[ObjectiveSpec],
    allow_code: bool,
    searched: Searched | None = None,
) -> dict[str, Objective]:
    model, tokenizer = session.engine.model, load_tokenizer(session.models)
    made = space_objectives(
        session.space,
        specs,
        model,
        tokenizer,
        items="test",
        allow_code=allow_code,
        searched=searched,
    )
    return {each.name: each for each in made}


def _no_test_items(session: Session, lacking: Mapping[str, OnTasks]) -> RunError:
    """Say what a user can do: whoever has searched cannot give `test_items` any more."""
    name, space = next(iter(lacking)), session.space
    number = space.objective_names.index(name)
    start = f"{space.file}: objectives[{number}].test_items: {name!r} has none"
    free = sum(
        len(scorer.run.task.eval_docs) - len(scorer.items.search)
        for scorer in members(lacking[name])
    )
    if free > 0:
        return RunError(
            f"{start}, and the search leaves {free} documents over; give --test-items N to test "
            f"on N of them, {free} at most"
        )
    return RunError(
        f"{start}, and the search scores on every document; search anew with test_items: N and "
        "another --run-dir, or start from a space that names another test_split"
    )


def _keep_prompts(session: Session, exams: Sequence[Exam]) -> None:
    """Keep what each test item asks, for those who look at evidence."""
    run = session.run
    for task in (t for each in exams for o in each.evaluation.on_tasks for t in o.runs):
        patiently(run.folder, partial(write_items, run.artifacts, task.digest, task.items()))
