"""How sure a run's front is: from the paired bootstrap over the evidence that its trials left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from types import MappingProxyType
from typing import Any, Literal

import yaml

from optimerge.errors import RunError
from optimerge.front.evidenced import evidenced
from optimerge.front.front import Front
from optimerge.front.membership import beats_all, front_shares
from optimerge.front.paired import DRAWS, Array, draw
from optimerge.front.reach import within_reach
from optimerge.front.task_mean import is_in_shown_mean
from optimerge.recipe.yaml_limits import check_limits
from optimerge.records.artifacts import Artifacts
from optimerge.records.evidence import Evidence, read_evidence
from optimerge.records.types import Trial

MOST_READ = 400
"""Trials whose evidence is read: some two seconds. See `reach` for which."""


@dataclass(frozen=True)
class Certainty:
    """What is known of models beside the values of their scores; by name of the trial.

    A name that is missing is of a model that nothing is known of.
    """

    on_front: Mapping[str, float] = field(default_factory=dict)
    """The probability that nothing among all that was scored dominates it."""
    beats_parents: Mapping[str, float] = field(default_factory=dict)
    """The probability that its mean over the tasks is above that of every parent. Of merges."""
    items: Literal["search", "test"] = "search"
    """Which items it rests on. The front was chosen on the search items: it is flattered there."""
    note: str = ""
    """What a reader should know, in a sentence or two."""


NOTHING = Certainty()


def make_certainty(
    front: Front,
    artifacts: Artifacts,
    tasks: Mapping[str, str] = MappingProxyType({}),
    draws: int = DRAWS,
    seed: int = 0,
) -> Certainty:
    """Return how sure the front's members and its parents are, on the search items.

    Read are the members, the parents and whatever may dominate one of them, at most `MOST_READ`:
    what would have to gain several standard errors over every member is left out (`reach`).

    Args:
        front: Of a run.
        artifacts: Where the run keeps its evidence.
        tasks: The task or group that each objective is on (`tasks_of`).
        draws: Of the bootstrap.
        seed: Likewise: the same evidence gives the same probabilities.
    """
    if not front.members:  # whatever evidence there is: nothing is on the front
        return NOTHING
    parents = [trial for trial in front.trials if trial.is_parent]
    rows = list(dict.fromkeys([*(_key(t) for t in front.members), *map(_key, parents)]))
    known = {_key(trial): trial for trial in front.trials}
    asked = [known[key] for key in rows]
    near, dropped = within_reach(front, asked, MOST_READ)
    trials = [known[key] for key in dict.fromkeys([*rows, *map(_key, near)])]
    evidence, missing = _read(artifacts, trials)
    if not any(trial.evidence in evidence for trial in front.members):
        return Certainty(note="this run kept no evidence by document, so nothing is said of chance")
    outcomes = evidenced(trials, evidence, front.objectives, tasks)
    drawn = draw(outcomes, draws, seed)
    feasible = [place for place, trial in enumerate(trials) if trial.feasible]
    shares = front_shares(drawn, range(len(asked)), feasible)
    on_front = {t.name: float(p) for t, p in zip(asked, shares, strict=True) if t.feasible}
    beats = _beating(front, drawn, trials, asked)
    return Certainty(on_front, beats, note=_note(dropped, missing))


def share(value: float | None) -> str:
    """Return a probability as a table shows it: certainty is never claimed.

    >>> share(0.5), share(1.0), share(0.0), share(None)
    ('0.50', '>.99', '<.01', '')
    """
    if value is None or value != value:
        return ""
    return ">.99" if value > 0.99 else "<.01" if value < 0.01 else f"{value:.2f}"


def tasks_of(space: str) -> dict[str, str]:
    """Return which task or group each objective of a space is on, by the objective's name.

    A hint of where to look, no more: a text that is no space gives {}.

    >>> tasks_of("objectives: [{task: gsm8k, name: maths}, {sparsity: l1}]")
    {'maths': 'gsm8k'}
    """
    try:
        check_limits(space)
        data = yaml.safe_load(space)
    except (yaml.YAMLError, ValueError):  # ValueError: of dates that are none
        return {}
    listed: Any = data.get("objectives") if isinstance(data, dict) else None
    return {
        str(each.get("name") or each["task"]): str(each["task"])
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict) and "task" in each
    }


def _beating(
    front: Front, drawn: Array, trials: Sequence[Trial], asked: Sequence[Trial]
) -> dict[str, float]:
    """Return how sure it is of each merge that it beats every parent by its mean over the tasks.

    `asked`: the first of the trials, those in question.
    """
    tasks = [
        place
        for place, (name, direction) in enumerate(front.objectives.items())
        if is_in_shown_mean(direction) and asked[0].scores[name].items
    ]
    if not tasks:
        return {}
    mean = drawn[tasks].mean(axis=0)
    parents = [place for place, trial in enumerate(trials) if trial.is_parent]
    found = {
        trial.name: beats_all(mean, place, parents)
        for place, trial in enumerate(asked)
        if not trial.is_parent
    }
    return {name: probability for name, probability in found.items() if not isnan(probability)}


def _key(trial: Trial) -> tuple[str, str]:
    return trial.name, trial.origin


def _read(artifacts: Artifacts, trials: Sequence[Trial]) -> tuple[dict[str, Evidence], int]:
    """Return the evidence by its name, and of how many trials it is not there or unreadable."""
    found, missing = {}, 0
    for trial in trials:
        if not trial.evidence:
            continue
        try:
            kept = read_evidence(artifacts, trial.evidence)
        except RunError:  # one damaged file hides no front; it is counted in the note
            kept = None
        if kept is None:
            missing += 1
        else:
            found[trial.evidence] = kept
    return found, missing


def _note(dropped: int, missing: int) -> str:
    notes = []
    if dropped:
        notes.append(
            f"the {MOST_READ} trials nearest to the front are counted as rivals, not the "
            f"{dropped} others within reach"
        )
    if missing:
        notes.append(
            f"the evidence of {missing} trials is not at hand: they are drawn by their standard "
            "errors"
        )
    return "; ".join(notes)
