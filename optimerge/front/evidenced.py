"""Outcomes of trials on documents, for the paired bootstrap: out of the run's evidence.

Evidence is kept by task and metric, objectives have names of their own. So an objective's outcomes
are looked for: the task and metric whose means over documents are the recorded scores, of every
trial that is looked at; first among the tasks called like the objective. A group's score is the
mean of its tasks', by documents or plain. What is no mean over documents (f1, perplexity of a text)
is not found, and is drawn from its standard error.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from optimerge.front.losses import to_loss
from optimerge.front.paired import Outcomes, Part
from optimerge.records.evidence import Evidence
from optimerge.records.types import Direction, Score, Trial

Array = NDArray[np.float64]
Keys = tuple[tuple[str, str], ...]
"""Tasks, each with the digest of its items."""

_SAME = 1e-9


def evidenced(
    trials: Sequence[Trial],
    evidence: Mapping[str, Evidence],
    objectives: Mapping[str, Direction],
    tasks: Mapping[str, str],
) -> list[Outcomes]:
    """Return the outcomes of each objective, in its order; the models are the trials.

    Args:
        trials: Complete ones.
        evidence: By its name; a trial without is drawn from its standard errors.
        objectives: Direction by name.
        tasks: The task or group that an objective is on, by name, where it is known.
    """
    return [
        _outcomes(name, direction, tasks.get(name, name), trials, evidence)
        for name, direction in objectives.items()
    ]


def _outcomes(
    name: str,
    direction: Direction,
    task: str,
    trials: Sequence[Trial],
    evidence: Mapping[str, Evidence],
) -> Outcomes:
    scores = [trial.scores[name] for trial in trials]
    losses = np.array([to_loss(score.value, direction) for score in scores])
    errors = np.array([0.0 if s.stderr is None else s.stderr for s in scores])
    known = {
        row: evidence[trial.evidence]
        for row, (trial, score) in enumerate(zip(trials, scores, strict=True))
        if score.items and trial.evidence in evidence
    }
    for keys, metric, plain in _candidates(task, list(known.values())):
        found = {row: _values(of, keys, metric) for row, of in known.items()}
        shapes = [tuple(map(len, values)) for values in found.values() if values]
        if not shapes:
            continue
        columns = {r: v for r, v in found.items() if v and tuple(map(len, v)) == shapes[0]}
        weights = [1 / len(keys) if plain else size / sum(shapes[0]) for size in shapes[0]]
        if all(_fits(columns[row], weights, scores[row]) for row in columns):
            errors[list(columns)] = 0.0
            return Outcomes(losses, errors, _parts(keys, columns, weights, losses, direction))
    return Outcomes(losses, errors)


def _candidates(task: str, known: Sequence[Evidence]) -> Iterator[tuple[Keys, str, bool]]:
    """Yield where an objective's outcomes may be: tasks, metric, whether their mean is plain."""
    metrics: dict[tuple[str, str], dict[str, None]] = {}
    for of in known:
        for each in of.tasks:
            metrics.setdefault((each.task, each.digest), {}).update(dict.fromkeys(each.values))
    single = sorted(metrics, key=lambda key: key[0] != task)  # stable: else as in the evidence
    for key in single:
        for metric in metrics[key]:
            yield (key,), metric, True
    members = [key for key in metrics if key[0].startswith(f"{task}_")]
    for group in (members, list(metrics)):
        for metric in dict.fromkeys(m for key in group for m in metrics[key]):
            having = tuple(key for key in group if metric in metrics[key])
            if len(having) > 1:
                yield having, metric, False
                yield having, metric, True


def _values(of: Evidence, keys: Keys, metric: str) -> list[Array]:
    """Return a trial's outcomes by task, in the order of the documents' ids; [] if it has none."""
    found = []
    for task, digest in keys:
        kept = of.of(task, digest)
        values = kept.values.get(metric) if kept else None
        if kept is None or values is None or values.ndim != 1 or not len(values):
            return []
        found.append(values[np.argsort(kept.documents)].astype(np.float64))
    return found


def _fits(values: Sequence[Array], weights: Sequence[float], score: Score) -> bool:
    """Whether a score is the weighted mean of these; a NaN, of documents left out, never fits."""
    mean = sum(weight * float(each.mean()) for weight, each in zip(weights, values, strict=True))
    items = sum(map(len, values))
    return items == score.items and abs(mean - score.value) <= _SAME * max(1.0, abs(score.value))


def _parts(
    keys: Keys,
    columns: Mapping[int, Sequence[Array]],
    weights: Sequence[float],
    losses: Array,
    direction: Direction,
) -> tuple[Part, ...]:
    sign, parts = to_loss(1.0, direction), []
    for index, ((task, digest), weight) in enumerate(zip(keys, weights, strict=True)):
        outcomes = np.full((len(next(iter(columns.values()))[index]), len(losses)), np.nan)
        for row, values in columns.items():
            outcomes[:, row] = sign * values[index]
        parts.append(Part(outcomes, weight, f"{task} {digest}"))
    return tuple(parts)
