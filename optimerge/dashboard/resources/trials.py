"""/api/runs/ID/trials: every trial, as columns."""

from datetime import datetime
from typing import Any

from optimerge.dashboard.resource import Answer, Asked, Resource, Versioned
from optimerge.dashboard.results import baselines_of, results_of, test_of
from optimerge.dashboard.snapshot import Snapshot, known
from optimerge.dashboard.source import Source
from optimerge.front.json_values import json_value
from optimerge.front.table import identity, score_names
from optimerge.records.types import Score

Numbers = list[float | None]


class Columns(Answer):
    """All lists have an entry a trial: parents first, then by number."""

    name: list[str]
    """The number, or what a parent is called: what addresses take."""
    number: list[int | None]
    state: list[str]
    """complete, failed, pruned, running or waiting."""
    origin: list[str]
    parent: list[bool]
    on_front: list[bool]
    feasible: list[bool | None]
    """Whether it keeps every constraint; null of trials without scores."""
    violations: list[dict[str, float | None] | None]
    """The constraints that it breaks, with by how much."""
    error: list[str]
    """Why a failed trial failed."""
    stopped: list[str]
    """Why a race stopped a pruned trial."""
    seconds: Numbers
    nonzero: Numbers
    """Share of the parameters that differ from the base."""
    ended: list[datetime | None]
    scores: dict[str, Numbers]
    """On the search items; of pruned trials estimates from a part of them."""
    stderr: dict[str, Numbers]
    tested: list[bool]
    test: dict[str, Numbers]
    """On the test items."""
    test_stderr: dict[str, Numbers]
    params: dict[str, list[float | int | bool | str | None]]


class Baseline(Answer):
    """A merge that needs no search, or the parents' ensemble."""

    name: str
    kind: str
    about: str
    error: str
    search: dict[str, float | None]
    stderr: dict[str, float | None]
    test: dict[str, float | None]
    test_stderr: dict[str, float | None]


class Trials(Versioned):
    """Every trial, and the baselines that were tested."""

    trials: Columns
    baselines: list[Baseline]


def make(asked: Asked) -> Trials:
    """Return all trials."""
    source = asked.source()
    snapshot = source.now()
    return source.kept("trials", snapshot.version, lambda: _trials(source, snapshot))


def _trials(source: Source, snapshot: Snapshot) -> Trials:
    trials, results = snapshot.trials, results_of(source, snapshot)
    members = {identity(trial) for trial in snapshot.front.members}
    tests = [test_of(results, trial) for trial in trials]
    tested = [each.test if each is not None else {} for each in tests]
    names = score_names(trials, snapshot.objectives)
    test_names = list(dict.fromkeys([*names, *(name for each in tested for name in each)]))
    stats = [t.stats if t.stats is not None and t.stats.compared else None for t in trials]
    return Trials(
        version=snapshot.version,
        trials=Columns(
            name=[t.name for t in trials],
            number=[t.number for t in trials],
            state=[t.state for t in trials],
            origin=[t.origin for t in trials],
            parent=[t.is_parent for t in trials],
            on_front=[identity(t) in members for t in trials],
            feasible=[t.feasible if t.scores else None for t in trials],
            violations=[{n: known(v) for n, v in t.violations.items()} or None for t in trials],
            error=[t.error for t in trials],
            stopped=[t.stopped for t in trials],
            seconds=[known(t.elapsed) if t.seconds else None for t in trials],
            nonzero=[known(each.nonzero_share) if each else None for each in stats],
            ended=[row.ended for row in snapshot.rows],
            scores={n: [_value(t.scores.get(n)) for t in trials] for n in names},
            stderr={n: [_error(t.scores.get(n)) for t in trials] for n in names},
            tested=[bool(each) for each in tested],
            test={n: [_value(each.get(n)) for each in tested] for n in test_names},
            test_stderr={n: [_error(each.get(n)) for each in tested] for n in test_names},
            params={name: _params(snapshot, name) for name in _parameters(snapshot)},
        ),
        baselines=[
            Baseline(
                name=each.name,
                kind=each.kind,
                about=each.about,
                error=each.error,
                search={n: _value(s) for n, s in each.search.items()},
                stderr={n: _error(s) for n, s in each.search.items()},
                test={n: _value(s) for n, s in each.test.items()},
                test_stderr={n: _error(s) for n, s in each.test.items()},
            )
            for each in baselines_of(results)
        ],
    )


def _parameters(snapshot: Snapshot) -> list[str]:
    return list(dict.fromkeys(name for trial in snapshot.trials for name in trial.params))


def _params(snapshot: Snapshot, name: str) -> list[Any]:
    return [json_value(trial.params.get(name)) for trial in snapshot.trials]


def _value(score: Score | None) -> float | None:
    return None if score is None else known(score.value)


def _error(score: Score | None) -> float | None:
    return None if score is None else known(score.stderr)


RESOURCE = Resource(
    "/api/runs/{run}/trials",
    Trials,
    make,
    "Every trial in whatever state, as columns, and the baselines.",
    versioned=True,
)
