"""Choosing one trial: knee, best of an objective, smallest mean, or by number.

Only search scores are looked at: a choice made by test scores would make them search scores.
"""

from optimerge.errors import RunError, did_you_mean
from optimerge.front.feasible import none_feasible
from optimerge.front.front import Front
from optimerge.front.knee import knee, smallest, smallest_mean
from optimerge.front.losses import losses_of
from optimerge.records.types import Trial

HOW = "knee, mean, best:OBJECTIVE or trial:NUMBER"
"""What `choose` understands, as it is said to people."""


def choose(front: Front, how: str) -> Trial:
    """Return the trial that `how` names.

    knee: the bend of the front (`knee.knee`); mean: the member with the smallest mean loss in
    units of the parents' range; best:NAME: the member with the best value of that objective, of
    equal ones that with the smallest mean; trial:N: any complete trial by its number, or a parent
    by its name, whether it is on the front or not, feasible or not.

    A parent is picked only by its name, or where no merge is on the front: who searches for a
    merge has the parents already.

    Raises:
        RunError: If `how`, the objective or the trial is unknown, nothing is complete yet, or no
            trial keeps every constraint (it names the one that comes nearest).
    """
    pick, _, what = how.partition(":")
    if how not in ("knee", "mean") and pick not in ("best", "trial"):
        hint = did_you_mean(pick, ["knee", "mean", "best", "trial"])
        raise RunError(f"cannot pick {how!r}{hint or ';'} choose {HOW}")
    if not front.trials:
        raise RunError("there is nothing to pick: no trial is complete with all its scores")
    if pick == "trial":
        return _numbered(front, what)
    if not front.members:
        raise RunError(f"there is nothing to pick: {none_feasible(front.trials)}")
    merges = tuple(t for t in front.members if not t.is_parent) or front.members
    losses = losses_of(merges, front.objectives)
    if pick == "best":
        return merges[smallest(losses, front.scales, _column(front, what))]
    return merges[(knee if pick == "knee" else smallest_mean)(losses, front.scales)]


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
