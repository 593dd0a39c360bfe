"""Reads what a run's retest found, from its storage and evidence; needs no models and no torch."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from optimerge.errors import RunError
from optimerge.front.front import front_of
from optimerge.records.attributes import as_trial
from optimerge.records.evidence import read_evidence
from optimerge.records.keys import LOOKS
from optimerge.records.origins import ENSEMBLE, MASKS
from optimerge.records.plain import one_line
from optimerge.records.run import Run
from optimerge.records.types import Direction, Trial
from optimerge.retest.objective_parts import Part, items_in, sound_parts
from optimerge.retest.study import (
    ASKED,
    BASELINES,
    PARTS,
    REPORTED,
    SKIPPED,
    Record,
    latest,
    open_tests,
)
from optimerge.retest.tested import Items, Kind, Masks, Results, Tested

ORDER = ("uniform", "greedy_soup", "task_arithmetic", "ties", "dare_ties", "model_stock", "slerp")
"""Of baselines in tables; others come last."""


def read_results(run: Run, *, documents: bool = True) -> Results | None:
    """Return all that the run's retests know; None if nothing of it was tested yet.

    `documents`: the outcomes on each document too; without, no file of evidence is read.

    Merges that are no longer on the front are left out, unless they were asked for by number.
    RunError if the run holds what no optimerge wrote.
    """
    study = open_tests(run)
    if study is None:
        return None
    found = latest(study)
    if not found:
        return None
    reader = _Reader(run, study.user_attrs, found, documents)
    front = front_of(run)
    asked = set(reader.numbers(ASKED))
    others = [t for t in run.trials() if t.number in asked and t not in front.members]
    parents = [trial for trial in run.trials() if trial.is_parent]
    tested = [
        *reader.models("merge", [*front.merges, *(t for t in others if not t.is_parent)]),
        *reader.models("parent", parents),
        *reader.baselines(),
        *reader.ensemble(),
    ]
    return Results(
        objectives=dict(run.info.objectives),
        reported=reader.reported,
        tested=tuple(tested),
        reference=tuple(float(number) for number in front.reference),
        scales=tuple(float(number) for number in front.scales),
        looks=max(1, *reader.numbers(LOOKS)),
        skipped=reader.texts(SKIPPED),
    )


class _Reader:
    """The attributes and records of one study, checked as they are read."""

    def __init__(
        self, run: Run, attrs: Mapping[str, Any], found: Mapping[str, Record], documents: bool
    ) -> None:
        self._run, self._attrs, self._found = run, attrs, found
        self._documents = documents
        parts = attrs.get(PARTS) or {}
        where = str(run.folder)
        if not isinstance(parts, dict):
            raise self._unsound(PARTS)
        self._parts = {k: sound_parts(parts.get(k, {}), where) for k in ("search", "test")}

    @property
    def reported(self) -> dict[str, Direction]:
        """Direction of each objective under `report:`."""
        given = self.texts(REPORTED)
        if not set(given.values()) <= {"maximize", "minimize"}:
            raise self._unsound(REPORTED)
        return cast("dict[str, Direction]", given)

    def texts(self, key: str) -> dict[str, str]:
        """Return an attribute that is a mapping of texts."""
        given = self._attrs.get(key) or {}
        if not isinstance(given, dict):
            raise self._unsound(key)
        return {one_line(str(name)): one_line(str(text)) for name, text in given.items()}

    def numbers(self, key: str) -> list[int]:
        """Return an attribute that is a whole number or a list of some; 0 for none."""
        given = self._attrs.get(key, 0)
        listed = given if isinstance(given, list) else [given]
        if not all(type(number) is int for number in listed):
            raise self._unsound(key)
        return listed or [0]

    def models(self, kind: Kind, trials: Iterable[Trial]) -> Iterator[Tested]:
        """Yield those of these trials that were tested, or could not be."""
        for trial in trials:
            record = self._found.get(trial.recipe)
            if record is not None and trial.state == "complete":
                masks = self._masks(trial) if kind == "merge" else ()
                yield replace(self._tested(trial.name, kind, trial, record), masks=masks)

    def baselines(self) -> Iterator[Tested]:
        """Yield the baselines."""
        given = self._attrs.get(BASELINES) or {}
        if not isinstance(given, dict):
            raise self._unsound(BASELINES)
        names = [*(n for n in ORDER if n in given), *(n for n in given if n not in ORDER)]
        trials = self._beside() if names else {}
        for name in names:
            try:
                about, recipe = str(given[name]["about"]), str(given[name]["recipe"])
            except (KeyError, TypeError):
                raise self._unsound(BASELINES) from None
            trial, record = trials.get(recipe), self._found.get(recipe)
            if trial is not None and record is not None:
                found = self._tested(one_line(name), "baseline", trial, record)
                yield replace(found, about=one_line(about))

    def ensemble(self) -> Iterator[Tested]:
        """Yield the parents' ensemble, if there is one."""
        record = self._found.get(ENSEMBLE)
        if record is not None:
            parts = ", ".join(f"{one_line(n)} {w:.3g}" for n, w in record.weights.items() if w)
            yield Tested(
                name=ENSEMBLE,
                kind="ensemble",
                about=f"log-probabilities of {parts}" if parts else "",
                search=record.search,
                test=record.trial.scores,
                search_items=self._items(record.search_evidence, "search"),
                test_items=self._items(record.trial.evidence, "test"),
                error=record.trial.error,
            )

    def _tested(self, name: str, kind: Kind, trial: Trial, record: Record) -> Tested:
        return Tested(
            name=name,
            kind=kind,
            recipe=trial.recipe,
            search=trial.scores,
            test=record.trial.scores,
            search_items=self._items(trial.evidence, "search"),
            test_items=self._items(record.trial.evidence, "test"),
            error=record.trial.error,
        )

    def _masks(self, trial: Trial) -> tuple[Masks, ...]:
        start, found = f"{MASKS}{trial.name}:", []
        for record in self._found.values():
            origin = record.trial.origin
            seed = origin.removeprefix(start)
            if origin.startswith(start) and seed.isdecimal() and record.trial.state == "complete":
                found.append(Masks(int(seed), record.trial.scores))
        return tuple(sorted(found, key=lambda each: each.seed))

    def _beside(self) -> dict[str, Trial]:
        """Return the complete trials of the study "parents" by recipe."""
        objectives = self._run.info.objectives
        stored = self._run.parents.get_trials(deepcopy=False)
        done = (each for each in stored if each.state.name == "COMPLETE")
        trials = (as_trial(each, objectives, numbered=False) for each in done)
        return {trial.recipe: trial for trial in trials}

    def _items(self, name: str, which: str) -> dict[str, Items]:
        parts: dict[str, list[Part]] = self._parts[which]
        if not (self._documents and name and parts):
            return {}
        return items_in(read_evidence(self._run.artifacts, name), parts)

    def _unsound(self, key: str) -> RunError:
        return RunError(
            f"{self._run.folder}: {key!r} of its test cannot be read; this optimerge did not "
            "write it"
        )
