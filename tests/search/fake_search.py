"""A search without a model, on a journal that is cut off at any write: for tests of the loop.

All is real but the engine, the objectives and the disk: what a candidate is worth is computed from
its recipe.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import optuna
import yaml
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.storages.journal import BaseJournalBackend

from optimerge.objectives.evaluation import Scored
from optimerge.recipe.write import recipe_data
from optimerge.records import run as runs
from optimerge.records.run import Run, RunInfo
from optimerge.records.run_journal import RunJournal
from optimerge.records.types import MergeStats, Score, Trial
from optimerge.search.budget import Stop, make_budget
from optimerge.search.samplers.registry import Ask, NamedSampler
from optimerge.search.session import Session
from optimerge.search.study import search
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace

SPACE = """
merge_method: {choices: [linear, task_arithmetic]}
base_model: base
models:
  - {model: a, parameters: {weight: {low: 0.0, high: 1.0}}}
  - {model: b, parameters: {weight: {low: 0.0, high: 1.0}}}
parameters: {normalize: false, lambda: {low: 1.0, high: 1.5}}
objectives: [{task: t, at_least: 0.3}, {task: u}]
"""
FOLDER = Path("fake")
MIXED = """
merge_method: {method}
base_model: base
models:
  - model: a
    parameters: {{weight: {{low: 0.0, high: 1.0}}, density: {{low: 0.1, high: 1.0, step: 0.1}}}}
  - model: b
    parameters: {{weight: {{low: 0.001, high: 1.0, log: true, layer_groups: 2}}}}
parameters: {{lambda: {{choices: [0.5, 1.0]}}, normalize: {{choices: [true, false]}}}}
objectives: [{{task: t}}, {{task: u}}, {{sparsity: l1}}]
"""
ONE_METHOD, TWO_METHODS = "ties", "{choices: [ties, linear]}"


def space_of(method: str) -> SearchSpace:
    """A space with dimensions of every kind."""
    return make_space(yaml.safe_load(MIXED.format(method=method)), Path("space.yaml"))


class KilledError(BaseException):
    """Nothing after this runs, as after kill -9."""


class Journal(BaseJournalBackend):
    """Lines in memory; may be cut off after so many more."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.left: int | None = None

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return [json.loads(line) for line in self.lines[log_number_from:]]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        for log in logs:
            if self.left == 0:
                raise KilledError
            self.left = None if self.left is None else self.left - 1
            self.lines.append(json.dumps(log))


class Fake:
    """Engine and evaluation in one: keeps the recipe, and scores it."""

    mode, seed, rounding, objectives = "fast", 0, None, ()

    def __init__(self, broken: str | None = None, interrupt: int | None = None) -> None:
        self.model: dict[str, Any] = {}
        self._broken, self._interrupt = broken, interrupt

    def apply(self, recipe: Any) -> MergeStats:
        self.model = recipe_data(recipe)
        return MergeStats(0.0, 100, 10, 1.0, 1.0)

    def holds(self, reference: str) -> bool:
        return {m: w for m, w in self.weights.items() if w} == (
            {} if reference == "base" else {reference: 1.0}
        )

    @property
    def weights(self) -> dict[str, float]:
        found = {
            m["model"]: m.get("parameters", {}).get("weight", 0.0) for m in self.model["models"]
        }
        return found if self.model["merge_method"] != "passthrough" else dict.fromkeys(found, 1.0)

    def score(self, candidate: Any, race: Any = None) -> Scored:
        if self._interrupt == 0:
            raise KeyboardInterrupt
        self._interrupt = None if self._interrupt is None else self._interrupt - 1
        names = list(self.weights)
        parent = self.model["merge_method"] == "passthrough"
        if parent and names == [self._broken]:
            raise ValueError("this parent cannot be scored")
        a, b = (self.weights.get(name, 0.0) for name in "ab")
        kind = 0 if parent else int(a * 9967) % 5
        if kind == 3:
            raise ValueError("this candidate cannot be scored")
        scores = {
            "t": Score(a * (1 - b / 2), 0.01 + a / 9, 10, "maximize", 0.1),
            "u": Score(b - a / 3, 0.02, 10, "maximize", 0.1),
        }
        beaten = race is not None and (kind + race) % 4 == 1
        return Scored(scores, stopped="beaten" if beaten else "")


@dataclass
class Races:
    """Who is beaten depends on how many have been scored before."""

    run: Run

    def next(self) -> int:
        return sum(t.state == "complete" for t in self.run.trials())


@dataclass
class Watcher:
    """Asks for a stop after so many trials; None: never."""

    stop: Stop
    after: int | None

    def trial(self, trial: Trial) -> None:
        if self.after is not None:
            self.after -= 1
            self.stop.requested = self.after <= 0


def open_fake(journal: BaseJournalBackend | BaseStorage, fake: Fake) -> Session:
    """Open the session of a run in a journal or storage; the run is made if it is not there."""
    space = make_space(yaml.safe_load(SPACE), Path("space.yaml"))
    names = {name: name for name in ("base", "a", "b")}
    checkpoints = [SimpleNamespace(reference=n, layers=2, dtype="float32") for n in names]
    models = SimpleNamespace(
        base=checkpoints[0], base_reference="base", has_base=True, names=names, checkpoints=checkpoints,
        layers=None, places={}, statistics=None, starts=(),
    )  # fmt: skip
    info = RunInfo(SPACE, "space.yaml", "d", {"t": "maximize", "u": "maximize"}, 2, 0, False)
    storage = journal if isinstance(journal, BaseStorage) else RunJournal(journal)
    directions = list(info.objectives.values())
    parents = runs._study(storage, runs.PARENTS, directions)
    run = Run(FOLDER, runs._study(storage, runs.SEARCH, directions), parents, info)
    engine = cast(Any, fake)
    return Session(space, cast(Any, models), engine, engine, run, cast(Any, Races(run)))


def fake_search(
    journal: Journal,
    sampler: NamedSampler,
    trials: int,
    *,
    lines: int | None = None,
    stop_after: int | None = None,
    interrupt: int | None = None,
    broken: str | None = None,
    warn: Any = print,
) -> Run:
    """Search until there are so many trials; cut off, stopped or interrupted as asked.

    `lines`: killed before so many more lines of the journal are written; `stop_after`: Ctrl-C in
    the course of that trial; `interrupt`: Ctrl-C twice in that scoring; `broken`: this parent
    cannot be scored.
    """
    journal.left = lines
    stop = Stop()
    session = None
    try:
        session = open_fake(journal, Fake(broken, interrupt))
        watcher = Watcher(stop, stop_after)
        search(session, make_budget(trials, None), sampler, stop, watcher, warn)
    except (KilledError, KeyboardInterrupt):
        pass
    journal.left = None
    return open_fake(journal, Fake()).run


def told(run: Run) -> list[Any]:
    """What a run came to, but for clocks, numbers and what was taken back."""
    return [
        (t.origin, t.state, dict(t.params), t.recipe, t.error, t.stopped, dict(t.constraints),
         *((s.value, s.stderr) for s in t.scores.values()))
        for t in run.trials()
    ]  # fmt: skip


class Telltale(BaseSampler):
    """Proposes what depends on everything that it can see, and leaves word for the next."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, dist: Any) -> Any:
        digest = self.digest(study, trial)
        study._storage.set_trial_system_attr(trial._trial_id, f"saw:{param_name}", digest)
        study._storage.set_study_system_attr(study._study_id, "last", digest)
        rng = optuna.samplers.RandomSampler(seed=int(digest[:8], 16))
        return rng.sample_independent(study, trial, param_name, dist)

    def digest(self, study: Any, trial: Any) -> str:
        ask = self._ask
        seen = [_all_of(t) for t in study.get_trials(deepcopy=False) if t.number != trial.number]
        known = study._storage.get_study_system_attrs(study._study_id)
        asked = [ask.seed, ask.finished, ask.number, ask.reference, ask.scales, trial.params]
        text = json.dumps([seen, study.user_attrs, known, asked, dict(ask.directions)])
        return blake2b(text.encode(), digest_size=8).hexdigest()


def _all_of(trial: Any) -> list[Any]:
    found = [trial.number, trial._trial_id, trial.state.name, trial.params, trial.values]
    found += [trial.user_attrs, trial.constraints, trial.system_attrs]
    return [*found, str([trial.datetime_start, trial.datetime_complete, trial.distributions])]


TELLTALE = {
    ahead: NamedSampler("telltale", "", "", Telltale, ahead=ahead) for ahead in (False, True)
}
