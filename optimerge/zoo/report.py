"""What a zoo is worth, measured here and now: parents, merges, a small search, the promises."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from optimerge.zoo.folder import BASE, Zoo

SCALES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Weights of the uniform task-arithmetic sweep."""
RANDOM_TRIALS = 35
MEDIOCRE = (0.30, 0.65)
EXPERT_AT_LEAST = 0.85
WORSE_BY = 0.05
"""Above two standard errors of a difference of two accuracies on 1000 items (0.022 at most)."""
FRONT_AT_LEAST = 8
SECONDS_AT_MOST = 60.0
"""Of the default zoo; larger ones may take longer in the proportion of layers times steps."""

Scores = Mapping[str, float]


def mean(scores: Scores) -> float:
    """Return the mean over tasks."""
    return sum(scores.values()) / len(scores)


class Point(NamedTuple):
    """A candidate of the small search: task scores, and the share of parameters that differ."""

    name: str
    scores: Scores
    nonzero: float

    def losses(self) -> tuple[float, ...]:
        """Return all objectives, smaller is better."""
        return (*(-score for score in self.scores.values()), self.nonzero)


class Promise(NamedTuple):
    """A requirement, whether it is met, and the measured numbers."""

    text: str
    met: bool
    measured: str


@dataclass(frozen=True)
class Report:
    """Measured accuracies by parent and by uniform scale, a search's points, and the promises."""

    parents: Mapping[str, Scores]
    sweep: Mapping[float, Scores]
    points: tuple[Point, ...]
    seconds: Mapping[str, float]
    cpu_seconds: float
    evaluated: int
    seconds_at_most: float = SECONDS_AT_MOST

    @property
    def front(self) -> list[Point]:
        """The points that no other point dominates; of equal ones the first."""
        return non_dominated(self.points)

    @property
    def promises(self) -> list[Promise]:
        """What the zoo promises, each judged by the measured numbers."""
        base, experts = self.parents[BASE], self.experts
        low, high = min(base.values()), max(base.values())
        own = {task: scores[task] for task, scores in experts.items()}
        drop = {
            task: max(base[other] - scores[other] for other in scores if other != task)
            for task, scores in experts.items()
        }
        scale, merged = max(self.sweep.items(), key=lambda pair: mean(pair[1]))
        parent = max(mean(scores) for scores in self.parents.values())
        spent = sum(self.seconds.values())
        return [
            Promise(
                f"the base is mediocre ({MEDIOCRE[0]} to {MEDIOCRE[1]}) on every task",
                MEDIOCRE[0] <= low and high <= MEDIOCRE[1],
                f"{low:.3f} to {high:.3f}",
            ),
            Promise(
                f"each expert has {EXPERT_AT_LEAST} on its own task",
                min(own.values()) >= EXPERT_AT_LEAST,
                _list(own),
            ),
            Promise(
                f"each expert is {WORSE_BY} worse than the base elsewhere",
                min(drop.values()) >= WORSE_BY,
                _list(drop),
            ),
            Promise(
                "a uniform merge beats every parent's mean",
                mean(merged) > parent,
                f"{mean(merged):.3f} at {scale} against {parent:.3f}",
            ),
            Promise(
                f"{len(self.points)} trials give a front of {FRONT_AT_LEAST} points or more",
                len(self.front) >= FRONT_AT_LEAST,
                f"{len(self.front)} points",
            ),
            Promise(
                f"made in {self.seconds_at_most:.0f} s of wall time (of two free cores)",
                spent <= self.seconds_at_most,
                f"{spent:.1f} s, {self.cpu_seconds:.1f} s of processor time",
            ),
        ]

    @property
    def experts(self) -> dict[str, Scores]:
        """The parents but for the base."""
        return {name: scores for name, scores in self.parents.items() if name != BASE}

    def __str__(self) -> str:
        """Return the report as lines of text."""
        from optimerge.zoo.report_text import render

        return render(self)


def non_dominated(points: Iterable[Point]) -> list[Point]:
    """Return the points that no other is as good as in all objectives; of equals the first."""
    front: dict[tuple[float, ...], Point] = {}
    for point in points:
        front.setdefault(point.losses(), point)
    return [p for mine, p in front.items() if not any(_covers(other, mine) for other in front)]


def report(zoo: Zoo) -> Report:
    """Measure a zoo: parents and a sweep on all evaluation items, a random search on half of them.

    Takes about half a minute of one core. The search is four parents, the uniform average and
    RANDOM_TRIALS random dare_ties merges from the ranges of `space.yaml`.
    """
    from optimerge.zoo.measure import measure

    return measure(zoo, SCALES, RANDOM_TRIALS)


def _covers(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def _list(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {number:.3f}" for name, number in numbers.items())
