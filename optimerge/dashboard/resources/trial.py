"""/api/runs/ID/trials/NAME: one trial whole."""

from collections.abc import Mapping, Sequence
from typing import Literal

from optimerge.dashboard.commands import build_command, export_command
from optimerge.dashboard.comparing import Comparison, best_baseline, comparisons
from optimerge.dashboard.resource import Answer, Asked, Resource, trial_named
from optimerge.dashboard.results import results_of, test_of
from optimerge.dashboard.snapshot import known
from optimerge.dashboard.source import Source
from optimerge.errors import OptimergeError
from optimerge.export.recipe import export_text
from optimerge.front.json_values import json_value
from optimerge.front.table import identity
from optimerge.recipe.by_layer import by_layer
from optimerge.recipe.read import parse_recipe
from optimerge.records.evidence import Evidence, read_evidence
from optimerge.records.run import Run
from optimerge.records.space import space_of
from optimerge.records.types import Direction, MergeStats, Score, Trial
from optimerge.space.labels import short_names


class Scored(Answer):
    """One score."""

    value: float | None
    stderr: float | None
    items: int
    """Documents scored; 0 for objectives that score no documents."""
    direction: Direction


class Other(Answer):
    """A model that the trial is compared with."""

    name: str
    scores: dict[str, Scored]
    """On the search items."""
    test: dict[str, Scored]


class Compared(Answer):
    """One objective against one model."""

    objective: str
    against: str
    kind: Literal["parent", "baseline"]
    items: Literal["search", "test"]
    difference: float | None
    """Positive: the trial is better, whichever way the objective runs."""
    stderr: float | None
    significant: bool | None
    """Beyond 1.96 standard errors, as one comparison alone; null: the error is unknown."""
    paired: bool
    """Whether documents were compared one by one."""


class Stats(Answer):
    """What the merge changed; all null where layers have changed places."""

    parameters: int
    nonzero: int | None
    nonzero_share: float | None
    l1: float | None
    l2: float | None


class Layers(Answer):
    """One number of one model, by layer."""

    model: str
    parameter: str
    part: str
    """Which tensors of a layer: a filter's text, `rest`, or "" for all."""
    values: list[float | None]


class Commands(Answer):
    """Lines to paste into a shell; "" where there is nothing to export."""

    export: str
    build: str


class Detail(Answer):
    """One trial."""

    name: str
    number: int | None
    state: str
    origin: str
    parent: bool
    on_front: bool
    feasible: bool
    violations: dict[str, float | None]
    error: str
    stopped: str
    recipe: str
    """As it was scored."""
    exported: str
    """What `optimerge export --trial NAME` writes, to the byte; "" without scores."""
    scores: dict[str, Scored]
    test: dict[str, Scored]
    parents: list[Other]
    best_baseline: Other | None
    """Of the baselines tested, that with the best mean over the objectives, in units of the
    parents' range."""
    comparisons: list[Compared]
    tasks: list[str]
    """With evidence by document: what `items` takes."""
    stats: Stats | None
    seconds: dict[str, float]
    params: dict[str, float | int | bool | str | None]
    layers: list[Layers]
    commands: Commands
    note: str = ""
    """What could not be read, in a sentence."""


def make(asked: Asked) -> Detail:
    """Return one trial."""
    source = asked.source()
    snapshot = source.now()
    trial, results = trial_named(snapshot, asked.path["name"]), results_of(source, snapshot)
    tested, run, notes = test_of(results, trial), snapshot.run, list[str]()
    evidence = _evidence(run, [trial, *(t for t in snapshot.trials if t.is_parent)], notes)
    tasks = evidence[trial.evidence].tasks if trial.evidence in evidence else ()
    best = best_baseline(snapshot, results)
    exported = ""
    if trial.state == "complete":
        try:
            exported = export_text(run, trial, "picked by name", tested.test if tested else {})
        except OptimergeError as error:
            notes.append(str(error))
    return Detail(
        name=trial.name,
        number=trial.number,
        state=trial.state,
        origin=trial.origin,
        parent=trial.is_parent,
        on_front=identity(trial) in {identity(t) for t in snapshot.front.members},
        feasible=trial.feasible,
        violations={n: known(v) for n, v in trial.violations.items()},
        error=trial.error,
        stopped=trial.stopped,
        recipe=trial.recipe,
        exported=exported,
        scores=_scores(trial.scores),
        test=_scores(tested.test if tested else {}),
        parents=[
            Other(
                name=t.name,
                scores=_scores(t.scores),
                test=_scores(found.test if (found := test_of(results, t)) else {}),
            )
            for t in snapshot.trials
            if t.is_parent and t.state == "complete"
        ],
        best_baseline=None
        if best is None
        else Other(name=best.name, scores=_scores(best.search), test=_scores(best.test)),
        comparisons=_comparisons(comparisons(snapshot, trial, evidence, results, best)),
        tasks=[task.task for task in tasks],
        stats=_stats(trial.stats),
        seconds=dict(trial.seconds),
        params={name: json_value(value) for name, value in trial.params.items()},
        layers=_layers(run, trial, notes),
        commands=_commands(source, trial, exported),
        note=" ".join(notes),
    )


def _stats(stats: MergeStats | None) -> Stats | None:
    if stats is None:
        return None
    alike = stats.compared
    return Stats(
        parameters=stats.parameters,
        nonzero=stats.nonzero if alike else None,
        nonzero_share=known(stats.nonzero_share) if alike else None,
        l1=known(stats.l1) if alike else None,
        l2=known(stats.l2) if alike else None,
    )


def _scores(scores: Mapping[str, Score]) -> dict[str, Scored]:
    return {
        name: Scored(
            value=known(s.value), stderr=known(s.stderr), items=s.items, direction=s.direction
        )
        for name, s in scores.items()
    }


def _evidence(run: Run, trials: list[Trial], notes: list[str]) -> dict[str, Evidence]:
    """Return the evidence of trials by its name, as far as it is there."""
    found = {}
    for name in dict.fromkeys(trial.evidence for trial in trials if trial.evidence):
        try:
            each = read_evidence(run.artifacts, name)
        except OptimergeError as error:
            notes.append(str(error))
            continue
        if each is not None:
            found[name] = each
    return found


def _comparisons(compared: Sequence[Comparison]) -> list[Compared]:
    return [
        Compared(
            objective=each.objective,
            against=one.against,
            kind=one.kind,
            items=one.items,
            difference=known(each.value),
            stderr=known(each.stderr),
            significant=each.significant,
            paired=each.paired,
        )
        for one in compared
        for each in one.differences
    ]


def _layers(run: Run, trial: Trial, notes: list[str]) -> list[Layers]:
    """Return what the recipe gives each layer, models by their short names."""
    if not trial.recipe:
        return []
    try:
        recipe = parse_recipe(trial.recipe, f"trial {trial.name}")
        names = short_names(space_of(run.info).references)
        rows = by_layer(recipe, run.info.layers)
    except OptimergeError as error:
        notes.append(str(error))
        return []
    return [
        Layers(
            model=names.get(row.model, row.model),
            parameter=row.parameter,
            part=row.part,
            values=[known(value) for value in row.values],
        )
        for row in rows
    ]


def _commands(source: Source, trial: Trial, exported: str) -> Commands:
    if not exported:
        return Commands(export="", build="")
    return Commands(export=export_command(source, trial.name), build=build_command())


RESOURCE = Resource(
    "/api/runs/{run}/trials/{name}",
    Detail,
    make,
    "One trial: its recipe, scores beside parents and the best baseline, and numbers by layer.",
)
