"""Scores the front, the parents, the baselines and the ensemble on test items: what to read first.

    for model in parents, merges of the front:     measure on the test items
    for baseline in baselines:                      make, score on the search items, choose; measure
    the parents' ensemble:                          fit weights on the search items; measure
    for merge with random masks, for seed in seeds: rebuild, measure

Everything is recorded when it is known (see `study`), so what was stopped goes on where it was. One
model that cannot be built or scored is recorded with its reason, and the others go on.
"""

import logging
from collections.abc import Iterator
from typing import Any, Protocol

from optimerge.errors import OptimergeError
from optimerge.recipe.write import recipe_text
from optimerge.records.keys import LOOKING, LOOKS
from optimerge.records.origins import BASELINE, ENSEMBLE, TRIAL
from optimerge.records.types import Trial
from optimerge.retest.ensemble import Ensemble
from optimerge.retest.exams import Exam, make_exams
from optimerge.retest.found import Finder, Found, parents_found
from optimerge.retest.masks import mask_origin, mask_seeds, with_seed
from optimerge.retest.measure import Bench, clear_lost, measure
from optimerge.retest.objective_parts import parts_of
from optimerge.retest.plan import Plan, Wanted, make_plan
from optimerge.retest.study import (
    ASKED,
    BASELINES,
    PARTS,
    REPORT,
    REPORTED,
    SKIPPED,
    TEST_ITEMS,
    make_tests,
)
from optimerge.search.budget import Stop
from optimerge.search.lease import Lease
from optimerge.search.session import Session
from optimerge.search.soup import task_objectives
from optimerge.space.objectives import TaskObjective, objective_name

log = logging.getLogger(__name__)


class Observer(Protocol):
    """What is told how a retest goes."""

    def planned(self, plan: Plan) -> None:
        """Called once, before anything is scored."""
        ...

    def scored(self, name: str, trial: Trial, where: str) -> None:
        """Called after every model that was scored; `where`: "search" or "test"."""
        ...

    def passed(self) -> None:
        """Called when a planned model is done, scored now or before."""
        ...


def retest(
    session: Session,
    wanted: Wanted,
    stop: Stop,
    observer: Observer,
    *,
    allow_code: bool = False,
) -> bool:
    """Score what is wanted and not there yet; return whether it is all there now.

    False where a stop was asked for before. OptimergeError if the run has no test items.
    """
    study = make_tests(session.run)
    clear_lost(study)
    number = wanted.test_items
    if number is None:
        number = study.user_attrs.get(TEST_ITEMS)
    exams = make_exams(session, number, allow_code=allow_code)
    plan = make_plan(session, exams, wanted)
    _note_what_is_tested(session, study, exams, number, wanted, plan)
    observer.planned(plan)
    with Lease(session.run, session.worker) as lease:
        work = _Retest(Bench(session, exams, study), lease, plan, stop, observer)
        for _ in work.steps():
            if stop.requested:
                return False
    if not stop.requested:
        study.set_user_attr(LOOKING, False)
    return not stop.requested


class _Retest:
    """One retest at work."""

    def __init__(
        self, bench: Bench, lease: Lease, plan: Plan, stop: Stop, observer: Observer
    ) -> None:
        session = bench.session
        self._session, self._bench, self._plan = session, bench, plan
        self._stop, self._observer = stop, observer
        self._parents = parents_found(session)
        self._ensemble = Ensemble(bench, self._parents)
        objectives = session.space.objectives
        any_task = any(isinstance(spec, TaskObjective) for spec in objectives)
        tasks = task_objectives(session) if any_task else []
        self._finder = Finder(session, lease, tasks, stop, self._tell)

    def steps(self) -> Iterator[None]:
        """Score one model after the other; a stop is looked for in between."""
        for parent in self._parents:
            yield
            exams = self._bench.missing(parent.trial.recipe)
            if self._test(parent.trial.origin, parent) and self._plan.ensemble:
                self._ensemble.heard(parent, exams)
        for trial in self._plan.merges:
            yield
            recipe = self._session.recipe(trial.params)
            self._test(f"{TRIAL}{trial.name}", Found(trial.name, "", trial, recipe))
        yield from self._baselines()
        if self._plan.ensemble:
            yield
            self._pool()
        for trial in self._plan.stochastic:
            for seed in mask_seeds(self._session.run.info.seed, self._plan.masks):
                yield
                self._rebuild(trial, seed)
        yield

    def _test(self, origin: str, found: Found) -> bool:
        """Score a model on the test items; whether that was done now, and it has scores."""
        self._look(bool(self._bench.missing(found.trial.recipe)))
        record, now = measure(self._bench, origin, found.recipe, found.trial.recipe)
        if now:
            self._observer.scored(found.name, record.trial, "test")
        self._observer.passed()
        return now and record.trial.state == "complete"

    def _baselines(self) -> Iterator[None]:
        for name, why in self._plan.skipped.items():
            self._note(SKIPPED, name, why)
        for baseline in self._plan.baselines:
            yield
            try:
                found = self._finder.find(baseline)
                why = found.trial.error if found else ""
            except OptimergeError as error:
                log.warning("baseline %s: %s", baseline.name, error)
                found, why = None, str(error)
            if self._stop.requested:
                return
            if found is None or found.trial.state != "complete":
                self._note(SKIPPED, baseline.name, f"it cannot be scored: {why}")
                self._observer.passed()
                continue
            self._note(SKIPPED, baseline.name, None)
            kind = {"about": found.about, "recipe": found.trial.recipe}
            self._note(BASELINES, found.name, kind)
            self._test(f"{BASELINE}{found.name}", found)

    def _note(self, key: str, name: str, value: Any) -> None:
        """Keep one entry of a mapping in the study; None: take it out."""
        study = self._bench.study
        before = dict(study.user_attrs.get(key, {}))
        after = {k: v for k, v in before.items() if k != name}
        if value is not None:
            after[name] = value
        if after != before:
            study.set_user_attr(key, after)

    def _pool(self) -> None:
        why = self._ensemble.skipped()
        for name in self._bench.study.user_attrs.get(SKIPPED, {}):
            if name.startswith(ENSEMBLE) and name not in why:
                self._note(SKIPPED, name, None)
        for name, reason in why.items():
            self._note(SKIPPED, name, reason)
        if ENSEMBLE not in why and not self._ensemble.done():
            self._look(True)
            record = self._ensemble.measure()
            self._observer.scored(ENSEMBLE, record.trial, "test")
        self._observer.passed()

    def _rebuild(self, trial: Trial, seed: int) -> None:
        recipe = with_seed(self._session.recipe(trial.params), seed)
        text = recipe_text(self._session.stored(recipe))
        if missing := bool(self._bench.missing(text)):
            self._look(missing)
            with self._session.engine.other_seed(seed):
                record, _ = measure(self._bench, mask_origin(trial, seed), recipe, text)
            self._observer.scored(f"{trial.name} seed {seed}", record.trial, "test")
        self._observer.passed()

    def _look(self, scoring: bool) -> None:
        """Count a look at the test items; one that was cut short and goes on is the same look."""
        study = self._bench.study
        if scoring and not study.user_attrs.get(LOOKING):
            study.set_user_attr(LOOKS, int(study.user_attrs.get(LOOKS, 0)) + 1)
            study.set_user_attr(LOOKING, True)

    def _tell(self, name: str, trial: Trial) -> None:
        self._observer.scored(name, trial, "search")


def _note_what_is_tested(
    session: Session,
    study: Any,
    exams: list[Exam],
    test_items: int | None,
    wanted: Wanted,
    plan: Plan,
) -> None:
    """Keep in the study what its records are read with."""
    space = session.space
    known = study.user_attrs
    parts = {
        "search": parts_of(session.evaluation.objectives),
        "test": parts_of(o for each in exams for o in each.evaluation.objectives),
    }
    reported = {objective_name(s) for s in space.report}
    directions = {
        o.name: o.direction
        for each in exams
        for o in each.evaluation.objectives
        if o.name in reported
    }
    asked = [*known.get(ASKED, []), *(t.number for t in plan.merges if wanted.trials)]
    noted: dict[str, Any] = {
        PARTS: parts,
        REPORT: space.data.get("report", []),
        REPORTED: directions,
        ASKED: sorted(set(asked)),
    }
    if test_items is not None:
        noted[TEST_ITEMS] = test_items
    for key, value in noted.items():
        if known.get(key) != value:
            study.set_user_attr(key, value)
