"""Keeps it to one trial a place and a point, however many workers put back, claim and propose.

The rules, which need nothing of a storage but that trials have numbers, in one order:

- A trial that is put back is withdrawn first; then its point waits again, in the same place. A
  place of which all trials are withdrawn gets its repeat from whoever notices.
- Two may notice at once. So of the trials of one place, or of one point, that are not withdrawn
  only the one with the lowest number is run; who begins another one drops it.
"""

from typing import TYPE_CHECKING

from optimerge.records.attributes import FIXED, is_withdrawn, origin_of, place
from optimerge.records.keys import WAS
from optimerge.records.optuna_access import id_of, mark, set_state, trial_of
from optimerge.records.origins import WITHDRAWN, is_parent
from optimerge.space.points import Key, key_of
from optimerge.space.ranges import Param
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

DROPPED, LOST = "dropped", "lost"
"""Keys of a withdrawn trial: it is not to be repeated; its worker was lost."""
MOST_LOST = 2
"""How many lost workers a place may have and is still tried again."""


def withdraw(study: "optuna.Study", trial: "FrozenTrial", why: str, **marks: bool) -> bool:
    """End a running trial as withdrawn; False if its worker, or another looker, was first."""
    kept = {WAS: origin_of(trial), "origin": WITHDRAWN, "error": why, **marks}
    return end_failed(study, trial, kept)


def drop(study: "optuna.Study", trial_id: int) -> None:
    """End a trial that was begun though another one is run in its place."""
    trial = trial_of(study, trial_id)
    withdraw(study, trial, "another worker runs it", **{DROPPED: True})


def end_failed(study: "optuna.Study", trial: "FrozenTrial", kept: "dict[str, object]") -> bool:
    """End a trial as failed, with these attributes; False if it has ended already."""
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    try:
        for key, value in kept.items():
            mark(study, id_of(trial), key, value)
        set_state(study, id_of(trial), TrialState.FAIL)
    except UpdateFinishedTrialError:
        return False
    return True


def times_lost(study: "optuna.Study", trial: "FrozenTrial") -> int:
    """Count the workers that were lost with a trial's place; of a parent, with that parent."""
    return sum(
        LOST in other.user_attrs and is_withdrawn(other) and _same_place(other, trial)
        for other in study.get_trials(deepcopy=False)
    )


def holes(study: "optuna.Study") -> "list[FrozenTrial]":
    """Return a withdrawn trial of every place that nobody runs, has run or will run.

    Nor its point in another place: two that begin a run at once may both have it wait.
    """
    from optuna.trial import TrialState

    failed = study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
    withdrawn = [t for t in failed if is_withdrawn(t) and DROPPED not in t.user_attrs]
    if not withdrawn:  # as in most runs: thousands of trials need not be looked at
        return []
    # Read after those, so that a repeat that somebody adds meanwhile is among them.
    others = [t for t in study.get_trials(deepcopy=False) if not is_withdrawn(t)]
    kept = {place(trial) for trial in others}
    left = {place(t): t for t in withdrawn if place(t) not in kept and point_of(t)}
    if not left:
        return []
    points = [point_of(trial) for trial in others if not is_parent(origin_of(trial))]
    return [trial for trial in left.values() if point_of(trial) not in points]


def superseded(
    study: "optuna.Study", space: SearchSpace, trial: "FrozenTrial", since: int = 0
) -> bool:
    """Whether a trial of a lower number has its place or its point.

    `since`: trials of lower numbers than this are known to have another point.
    """
    mine = _key(space, trial)
    return any(
        place(other) == place(trial) or (other.number >= since and _key(space, other) == mine)
        for other in study.get_trials(deepcopy=False)
        if other.number < trial.number
        and not is_withdrawn(other)
        and not is_parent(origin_of(other))
    )


def point_of(trial: "FrozenTrial") -> dict[str, Param]:
    """Return a trial's point, also of one that waits."""
    return {**trial.system_attrs.get(FIXED, {}), **trial.params}


def _key(space: SearchSpace, trial: "FrozenTrial") -> Key:
    # Of one that waited until just now storages know the parameters one by one.
    return key_of(space, point_of(trial))


def _same_place(one: "FrozenTrial", other: "FrozenTrial") -> bool:
    if point_of(other):
        return place(one) == place(other)
    return one.user_attrs.get(WAS) == origin_of(other)
