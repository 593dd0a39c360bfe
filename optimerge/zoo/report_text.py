"""A report as text."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimerge.zoo.report import Report, Scores


def render(report: "Report") -> str:
    """Return parents, sweep, search, seconds and promises as lines of at most 100 columns."""
    from optimerge.zoo.report import mean

    tasks = next(iter(report.parents.values()))
    head = f"{'':24}" + "".join(f"{task:>8}" for task in tasks) + f"{'mean':>8}"

    def row(name: str, scores: "Scores") -> str:
        cells = "".join(f"{score:8.3f}" for score in scores.values())
        return f"{name:24}{cells}{mean(scores):8.3f}"

    best = max(report.points, key=lambda point: mean(point.scores))
    front = report.front
    return "\n".join(
        [
            f"Accuracy on {report.evaluated} items a task",
            head,
            *(row(name, scores) for name, scores in report.parents.items()),
            *(row(f"all experts x {scale}", scores) for scale, scores in report.sweep.items()),
            "",
            f"Search of {len(report.points)} trials (parents, uniform, random dare_ties): "
            f"{len(front)} on the front of {len(tasks) + 1} objectives",
            head,
            row(f"best mean: {best.name}", best.scores),
            "",
            "Made in (wall seconds): " + _stages(report.seconds.items()),
            *(
                f"{'OK' if promise.met else 'NOT MET':8}{promise.text}: {promise.measured}"
                for promise in report.promises
            ),
        ]
    )


def _stages(stages: Iterable[tuple[str, float]]) -> str:
    stages = list(stages)
    total = sum(spent for _, spent in stages)
    return ", ".join(f"{stage} {spent:.1f}" for stage, spent in stages) + f"; in all {total:.1f}"
