"""What a trial is compared with: every parent, and the best of the baselines that were tested.

The best baseline is chosen by search scores, as everything is that is chosen, so that its test
scores are no luck of the test. `retest.beats` needs no choice: its merges have to beat every one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from optimerge.dashboard.paired import Difference, on_search, on_test
from optimerge.dashboard.results import test_of
from optimerge.dashboard.snapshot import Snapshot
from optimerge.front.certainty import tasks_of
from optimerge.front.losses import losses_of
from optimerge.records.evidence import Evidence
from optimerge.records.types import Trial
from optimerge.retest.tested import Results, Tested

Kind = Literal["parent", "baseline"]


@dataclass(frozen=True)
class Comparison:
    """A trial against one model, on one set of items."""

    against: str
    kind: Kind
    items: Literal["search", "test"]
    differences: Sequence[Difference]


def best_baseline(snapshot: Snapshot, results: Results | None) -> Tested | None:
    """Return the baseline with the best mean of the objectives, in units of the parents' range."""
    wanted = snapshot.objectives
    tested = [t for t in results.tested if t.kind == "baseline"] if results else []
    whole = [each for each in tested if wanted.keys() <= each.search.keys()]
    if not whole:
        return None
    losses = losses_of([_as_trial(each) for each in whole], wanted) / snapshot.front.scales
    return whole[int(losses.mean(axis=1).argmin())]


def comparisons(
    snapshot: Snapshot,
    trial: Trial,
    evidence: Mapping[str, Evidence],
    results: Results | None,
    best: Tested | None,
) -> list[Comparison]:
    """Return a complete trial against every other parent, and against the best baseline.

    `evidence`: by its name, as far as it is there.
    """
    if trial.state != "complete":
        return []
    found: list[Comparison] = []
    tested, tasks = test_of(results, trial), tasks_of(snapshot.run.info.space)

    def compare(
        kind: Kind, rival: Trial, other: Tested | None, known: Mapping[str, Evidence]
    ) -> None:
        searched = on_search(trial, rival, known, snapshot.objectives, tasks)
        found.append(Comparison(rival.name, kind, "search", searched))
        if tested is not None and other is not None:
            differences = on_test(tested, other, snapshot.objectives)
            found.append(Comparison(rival.name, kind, "test", differences))

    for parent in snapshot.trials:
        if parent.is_parent and parent.state == "complete" and parent.name != trial.name:
            compare("parent", parent, test_of(results, parent), evidence)
    if best is not None:
        compare("baseline", _as_trial(best), best, {})
    return found


def _as_trial(baseline: Tested) -> Trial:
    """Return a baseline with its scores on the search items."""
    return Trial(None, "complete", baseline.name, {}, "", scores=baseline.search)
