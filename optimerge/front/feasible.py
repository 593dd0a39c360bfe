"""Constraints as people read them: what a trial breaks, and what to do where none keeps all."""

from collections import Counter
from collections.abc import Iterable, Sequence

from optimerge.front.called import called
from optimerge.records.types import Trial


def broken(trial: Trial) -> str:
    """Return which constraints a trial breaks and by how much; "" if it keeps all.

    >>> broken(Trial(3, "complete", "sampler", {}, "", constraints={"a >= 2": 0.5, "b <= 1": -3}))
    'a >= 2 by 0.5'
    """
    return ", ".join(f"{name} by {beyond:.3g}" for name, beyond in trial.violations.items())


def nearest(trials: Sequence[Trial]) -> Trial | None:
    """Return the trial that comes nearest to keeping every constraint; None of no trials.

    The smallest sum of what is missed, each constraint in units of the most that any trial misses
    it by: so no unit of measurement weighs more than another. Ties by the order given.
    """
    worst: dict[str, float] = {}
    for trial in trials:
        for name, beyond in trial.violations.items():
            worst[name] = max(beyond, worst.get(name, 0.0))
    missed = [sum(b / worst[name] for name, b in t.violations.items()) for t in trials]
    return trials[missed.index(min(missed))] if trials else None


def nearest_merge(trials: Sequence[Trial]) -> Trial | None:
    """Return the nearest of the merges, for the parents are there already; of all, if none is."""
    return nearest([trial for trial in trials if not trial.is_parent] or trials)


def no_merge_feasible(trials: Sequence[Trial]) -> str:
    """Return the sentence for a study of whose merges none keeps every constraint; "" if one does.

    `trials`: the complete ones. Also "" while there is no merge.
    """
    merges = [trial for trial in trials if not trial.is_parent]
    if not merges or any(trial.feasible for trial in merges):
        return ""
    return none_feasible(merges, "merges")


def none_feasible(trials: Sequence[Trial], what: str = "complete trials") -> str:
    """Return the sentence for trials of which none keeps every constraint; `what`: all of them."""
    near = nearest_merge(trials)
    assert near is not None
    return (
        f"none of the {len(trials)} {what} keeps every constraint; {called(near)} comes "
        f"nearest (it misses {broken(near)}): search on, or loosen a bound in a new run; "
        f"--trial {near.name} exports it as it is; `optimerge front RUN --all` shows them"
    )


def kept_counts(trials: Iterable[Trial]) -> dict[str, tuple[int, int]]:
    """Return for each constraint how many of the trials keep it, and how many have it."""
    kept, all_of_them = Counter[str](), Counter[str]()
    for trial in trials:
        all_of_them.update(list(trial.constraints))
        kept.update(name for name, beyond in trial.constraints.items() if beyond <= 0)
    return {name: (kept[name], count) for name, count in all_of_them.items()}
