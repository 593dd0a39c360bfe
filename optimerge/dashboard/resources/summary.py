"""/api/runs/ID: what a run is, and what it is doing."""

from collections import Counter
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Literal

from optimerge.dashboard.commands import test_command
from optimerge.dashboard.resource import Answer, Asked, Objective, Resource, Versioned
from optimerge.dashboard.resources.history import history_of
from optimerge.dashboard.results import results_of
from optimerge.dashboard.snapshot import Snapshot, known
from optimerge.dashboard.source import Source
from optimerge.front.certainty import tasks_of
from optimerge.front.json_values import json_value
from optimerge.records.activity import RECENT, activity

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

CHEAP = 3
"""Objectives up to which the hypervolume is measured at once; of more it takes seconds."""


class Searched(Objective):
    """What is optimised."""

    task: bool
    """Whether documents are scored for it."""


class Failure(Answer):
    """A reason why trials failed."""

    reason: str
    count: int


class Stage(Answer):
    """Where time went: wait, merge, score; propose; of score: answer, metrics, others."""

    stage: str
    total: float
    """Seconds, over all trials."""
    mean: float
    """Seconds a trial that has the stage."""


class Working(Answer):
    """A trial that is being built or scored now."""

    name: str
    origin: str
    since: datetime | None


class Doing(Answer):
    """What the run is doing now."""

    running: bool
    seconds_per_trial: float | None
    """Median over the last trials."""
    proposing: float | None
    """Seconds that a proposal takes."""
    waiting: float | None
    """Seconds that the search waits before a trial."""
    tokens_per_second: float | None
    """That the model read for log-likelihoods, median over the last trials."""
    goal: int | None
    """Trials that the last search was asked for."""
    left: float | None
    """Seconds to the goal at this rate; null if nothing runs."""
    ends: datetime | None
    """When the last search's time will be, or was, up."""
    last_end: datetime | None
    now: list[Working]


class Parameter(Answer):
    """One parameter of the space."""

    name: str
    kind: Literal["float", "int", "choice"]
    low: float | None
    high: float | None
    log: bool
    choices: list[float | int | bool | str | None]


class Commands(Answer):
    """Lines to paste into a shell."""

    test: str


class Summary(Versioned):
    """A run."""

    id: str
    name: str
    folder: str
    objectives: list[Searched]
    watched: list[Objective]
    """Scores that are measured and not optimised."""
    reported: list[Objective]
    """Objectives that are measured on test items only."""
    constraints: list[str]
    parameters: list[Parameter]
    reference: list[float] | None
    """The losses that hypervolumes are measured from; null until the parents are scored."""
    scales: list[float] | None
    """The unit of each objective: the parents' range."""
    hypervolume: float | None
    """In units of the parents' range; null if it is not known yet."""
    front: int
    """Trials on the front, parents among them."""
    states: dict[str, int]
    finished: int
    failures: list[Failure]
    """The most frequent first."""
    stages: list[Stage]
    tested: bool
    activity: Doing
    commands: Commands


def make(asked: Asked) -> Summary:
    """Return what a run is; what it is doing is new each time, the rest is made once a version."""
    source = asked.source()
    snapshot = source.now()
    found = source.kept("summary", snapshot.version, lambda: _summary(source, snapshot))
    changes = {"activity": _doing(snapshot), "hypervolume": _hypervolume(source, snapshot)}
    return found.model_copy(update=changes)


def _summary(source: Source, snapshot: Snapshot) -> Summary:
    run, trials, results = snapshot.run, snapshot.trials, results_of(source, snapshot)
    tasks = tasks_of(run.info.space)
    scored = {n: s for t in trials for n, s in t.scores.items()}
    reasons = Counter(t.error for t in trials if t.state == "failed")
    return Summary(
        version=snapshot.version,
        id=source.key,
        name=source.name,
        folder=str(source.folder),
        objectives=[
            Searched(name=n, direction=d, task=n in tasks or bool(n in scored and scored[n].items))
            for n, d in snapshot.objectives.items()
        ],
        watched=[
            Objective(name=n, direction=s.direction)
            for n, s in scored.items()
            if n not in snapshot.objectives
        ],
        reported=[
            Objective(name=n, direction=d)
            for n, d in (results.reported if results is not None else {}).items()
        ],
        constraints=list(dict.fromkeys(name for t in trials for name in t.constraints)),
        parameters=[_parameter(name, kind) for name, kind in snapshot.distributions.items()],
        reference=run.reference,
        scales=run.scales,
        hypervolume=None,
        front=len(snapshot.front.members),
        states=dict(Counter(t.state for t in trials)),
        finished=run.finished(),
        failures=[Failure(reason=r, count=n) for r, n in reasons.most_common()],
        stages=_stages(snapshot),
        tested=results is not None,
        activity=_doing(snapshot),
        commands=Commands(test=test_command(source)),
    )


def _parameter(name: str, kind: "BaseDistribution") -> Parameter:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if isinstance(kind, CategoricalDistribution):
        choices = [json_value(choice) for choice in kind.choices]
        return Parameter(name=name, kind="choice", low=None, high=None, log=False, choices=choices)
    whole = isinstance(kind, IntDistribution)
    return Parameter(
        name=name,
        kind="int" if whole else "float",
        low=known(getattr(kind, "low", None)),
        high=known(getattr(kind, "high", None)),
        log=bool(getattr(kind, "log", False)),
        choices=[],
    )


def _stages(snapshot: Snapshot) -> list[Stage]:
    spent: dict[str, list[float]] = {}
    for trial in snapshot.trials:
        for stage, seconds in trial.seconds.items():
            spent.setdefault(stage, []).append(seconds)
    return [Stage(stage=s, total=sum(v), mean=sum(v) / len(v)) for s, v in spent.items()]


def _hypervolume(source: Source, snapshot: Snapshot) -> float | None:
    if len(snapshot.objectives) <= CHEAP:
        history_of(source, snapshot)
    found = source.last("history")
    return found.hypervolume[-1] if found is not None and found.hypervolume else None


def _doing(snapshot: Snapshot) -> Doing:
    run = snapshot.run
    live = activity(run)
    rates = [
        trial.tokens / trial.seconds["answer"]
        for trial in snapshot.trials
        if trial.state == "complete" and trial.tokens and trial.seconds.get("answer", 0.0) > 0
    ]
    left = None
    if live.running and live.goal and live.seconds_per_trial:
        left = max(0, live.goal - run.finished()) * live.seconds_per_trial
    return Doing(
        running=live.running,
        seconds_per_trial=known(live.seconds_per_trial),
        proposing=known(live.proposing),
        waiting=known(live.waiting),
        tokens_per_second=known(median(rates[-RECENT:])) if rates else None,
        goal=live.goal,
        left=known(left),
        ends=live.ends,
        last_end=None if live.last_end is None else live.last_end.astimezone(),
        now=[
            Working(name=row.trial.name, origin=row.trial.origin, since=row.started)
            for row in snapshot.rows
            if row.trial.state == "running"
        ],
    )


RESOURCE = Resource(
    "/api/runs/{run}",
    Summary,
    make,
    "A run: its objectives, how far it is, what it is doing now.",
    versioned=True,
)
