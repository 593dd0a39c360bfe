"""Choosing one trial, and saying why: the knee, a best, a preference, a parent beaten, a number.

Only search scores are looked at: a choice made by test scores would make them search scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from optimerge.errors import RunError, did_you_mean
from optimerge.front.called import called
from optimerge.front.dominating import dominating, parent_named
from optimerge.front.feasible import none_feasible
from optimerge.front.front import Front
from optimerge.front.knee import knee, smallest, smallest_mean, smallest_weighted
from optimerge.front.limits import check_names, missed, within
from optimerge.front.losses import losses_of
from optimerge.front.reason import reason
from optimerge.front.weights import parse_weights, said
from optimerge.records.types import Trial
from optimerge.space.objective_kinds.settings import Bound

HOW = "knee, mean, best:OBJECTIVE, weights:OBJECTIVE=W,..., dominates:PARENT or trial:NUMBER"
"""What `choose` understands, as it is said to people."""

_ALONE, _WITH = ("knee", "mean"), ("best", "weights", "dominates", "trial")


@dataclass(frozen=True)
class Choice:
    """A trial that was chosen, and why."""

    trial: Trial
    how: str
    """What was asked for: knee, best:gsm8k, ..."""
    limits: tuple[Bound, ...]
    """What it had to keep."""
    reason: str
    """One sentence: why this one, and what it gives up against the best of the front."""

    @property
    def label(self) -> str:
        """In a few words, how it was picked; the same as long as the same is asked for."""
        if self.how.startswith("trial:"):
            return "picked by name"
        kept = " and ".join(limit.name for limit in self.limits)
        return f"picked by {self.how}" + (f" of those with {kept}" if kept else "")


def choose(front: Front, how: str, limits: Sequence[Bound] = ()) -> Trial:
    """Return the trial that `how` names, of those that keep the limits: see `make_choice`."""
    return make_choice(front, how, limits).trial


def make_choice(front: Front, how: str, limits: Sequence[Bound] = ()) -> Choice:
    """Return the trial that `how` names, of those that keep the limits, with the reason.

    knee: the bend of the front (`knee.knee`); mean: the member with the smallest mean loss in
    units of the parents' range; best:NAME: the member with the best value of that objective;
    weights:a=2,b=1: the member with the smallest weighted mean of losses in those units, weights
    taken in proportion; dominates:PARENT: a member that is at least as good as that parent in every
    objective and better in one, of several that with the smallest mean; trial:N: any complete trial
    by its number, or a parent by its name, whether it is on the front or not, feasible or not.
    Of equal ones that with the smallest mean is taken.

    A parent is picked only by its name, or where no merge is on the front: who searches for a
    merge has the parents already.

    Raises:
        RunError: If `how`, an objective, a limit or the trial is unknown, nothing is complete yet,
            or no trial keeps every constraint and limit or beats the parent (it names the one that
            comes nearest).
    """
    pick, colon, what = how.partition(":")
    if not (how in _ALONE or (pick in _WITH and colon)):
        hint = "" if pick in _WITH else did_you_mean(pick, [*_ALONE, *_WITH])
        raise RunError(f"cannot pick {how!r}{hint or ';'} choose {HOW}")
    if not front.trials:
        raise RunError("there is nothing to pick: no trial is complete with all its scores")
    if pick == "trial":
        trial = _kept(front, _numbered(front, what), limits)
        return Choice(trial, how, tuple(limits), reason(front, trial, "picked by name"))
    if not front.members:
        raise RunError(f"there is nothing to pick: {none_feasible(front.trials)}")
    kept = within(front, limits)
    merges = kept.merges
    trial, why = _picked(front, merges or kept.members, pick, what)
    if limits:
        why += f" that keep {' and '.join(limit.name for limit in limits)}"
    if not merges:
        why += ", of which none is a merge"
    return Choice(trial, how, tuple(limits), reason(kept, trial, why))


def _picked(front: Front, trials: tuple[Trial, ...], pick: str, what: str) -> tuple[Trial, str]:
    """Return the trial that is picked, and why; the clause ends with the trials looked at."""
    names, there = list(front.objectives), f"of the {len(trials)} on the front"
    if pick == "dominates":
        parent = parent_named(front, what)
        trials = dominating(front, trials, parent)
        there = f"of the {len(trials)} that beat parent {parent.name} outright"
    losses = losses_of(trials, front.objectives)
    if pick == "best":
        place = smallest(losses, front.scales, _column(front, what))
        return trials[place], f"the best {what} ({trials[place].scores[what].value:.4g}) {there}"
    if pick == "weights":
        weights = parse_weights(what, names)
        place = smallest_weighted(losses, front.scales, weights)
        return trials[place], f"the best weighted mean ({said(weights, names)}) {there}"
    if pick == "knee":
        return trials[knee(losses, front.scales)], f"the knee, the best bargain, {there}"
    return trials[smallest_mean(losses, front.scales)], f"the best mean {there}"


def _column(front: Front, name: str) -> int:
    names = list(front.objectives)
    if name not in names:
        hint = did_you_mean(name, names)
        raise RunError(f"no objective {name!r} in this run{hint or ';'} it has {', '.join(names)}")
    return names.index(name)


def _numbered(front: Front, what: str) -> Trial:
    by_number = {str(trial.number): trial for trial in front.trials if trial.number is not None}
    found = by_number.get(what) or {trial.name: trial for trial in front.trials}.get(what)
    if found:
        return found
    known = [trial.name for trial in front.trials]
    hint = did_you_mean(what, known)
    shown = ", ".join(known[:8]) + (f", … {known[-1]}" if len(known) > 8 else "")
    raise RunError(f"no complete trial {what!r} in this run{hint or ';'} there are {shown}")


def _kept(front: Front, trial: Trial, limits: Sequence[Bound]) -> Trial:
    check_names(front, limits)
    if beyond := missed(trial, limits):
        text = ", ".join(f"{name} by {by:.3g}" for name, by in beyond.items())
        raise RunError(f"{called(trial)} misses {text}; loosen a limit, or take another trial")
    return trial
