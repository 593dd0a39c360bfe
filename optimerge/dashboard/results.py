"""What tests of a run found, read once for each of its versions."""

from optimerge.dashboard.snapshot import Snapshot
from optimerge.dashboard.source import Source
from optimerge.records.types import Trial
from optimerge.retest.read import read_results
from optimerge.retest.tested import Results, Tested


def results_of(source: Source, snapshot: Snapshot) -> Results | None:
    """Return what tests of the run found; None if there was none."""
    return source.kept("results", snapshot.version, lambda: read_results(snapshot.run))


def test_of(results: Results | None, trial: Trial) -> Tested | None:
    """Return the test of a trial of the search, or of a parent; None if there was none."""
    if results is None or not trial.recipe:
        return None
    kinds = ("parent",) if trial.is_parent else ("merge",)
    found = (t for t in results.tested if t.kind in kinds and t.name == trial.name)
    return next((each for each in found if each.recipe == trial.recipe), None)


def baselines_of(results: Results | None) -> list[Tested]:
    """Return the baselines that were tested, and the ensemble."""
    return [t for t in results.tested if t.kind in ("baseline", "ensemble")] if results else []
