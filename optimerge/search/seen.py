"""What a sampler sees of a run: the one rule that proposals depend on.

Let the candidates be the trials of the search that are no copies of parents, in the order in which
they were first begun. Proposal number t is made for candidate t (t = 0, 1, ...), and sees

- every copy of a parent;
- candidates 0 to t-1 as they ended: complete, failed, or raced out (as complete, with estimates);
- of a sampler that proposes ahead, candidate t-1 as RUNNING, with its point and no scores, because
  the proposal is made while that one is scored; also where it has long ended.

Not seen are what was taken back (it is begun again, in its old place), what waits, clocks, numbers
and whatever else depends on how often the search was stopped: trials are numbered anew. So a run
that was stopped or killed, anywhere and however often, goes on as the uninterrupted one would.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from optimerge.records.attributes import (
    CONSTRAINTS,
    FIXED,
    origin_of,
    partial_values,
    place,
)
from optimerge.records.origins import WITHDRAWN, is_parent
from optimerge.records.types import Direction
from optimerge.search.distributions import space_distributions
from optimerge.search.proposals import View
from optimerge.space.points import Key, key_of
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_THEN = datetime(2000, 1, 1)
"""When all trials were begun and ended, as far as samplers can tell."""


class SeenTrial(FrozenTrial):
    """A trial that is copied but one level deep: Optuna copies each as it is put into a study.

    What a sampler might change in a copy is its own; parameters' values and distributions, of
    which a layer-wise space has hundreds a trial, are shared.
    """

    __slots__ = ("key",)  # beside the attributes that make two trials equal
    key: Key
    """Of its point."""

    def __deepcopy__(self, memo: Any) -> "SeenTrial":
        """Return a copy with dictionaries of its own."""
        made = copy.copy(self)
        for name in ("params", "distributions", "user_attrs", "system_attrs"):
            setattr(made, name, dict(getattr(self, name)))
        return made


@dataclass
class Memory:
    """Ended trials of one study in one space, as samplers see them: a long run is not read anew."""

    looked: int = 0
    """The trials below that number have ended, and stand in `seen` in the order of their places."""
    seen: list[SeenTrial] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)
    """Of the parents' copies among them."""
    place: int = -1
    """The last one's."""
    candidate: "tuple[int, FrozenTrial] | None" = None
    """The last that is no copy of a parent, with its index in `seen`."""


def make_view(
    study: Study,
    space: SearchSpace,
    directions: Mapping[str, Direction],
    seed: int,
    *,
    ahead: bool,
    worker: int = 0,
    memory: Memory | None = None,
    trials: Sequence[FrozenTrial] | None = None,
) -> View:
    """Return what the next proposal depends on, by the rule above.

    Args:
        study: Read only; `reference` and `scales` are user attributes of it once they are known.
        space: Where its trials lie.
        directions: By objective, in the order of the trials' values.
        seed: Of the run.
        ahead: Whether the sampler proposes while the last candidate is scored.
        worker: Index of the worker that asks.
        memory: Of the study and the space, if there is more than one view of them.
        trials: All of the study, if they were read just now.
    """
    rule = _Rule(directions, space_distributions(space), [b.name for b in space.bounds], space)
    trials = study.get_trials(deepcopy=False) if trials is None else trials
    memory = memory or Memory()
    _settle(memory, trials, rule)
    open_ones = _begun(trials[memory.looked :])
    if open_ones and place(open_ones[0]) < memory.place:  # put back, or begun by another worker
        memory = Memory()
        open_ones = _begun(trials)
    now = replace(memory, seen=[], origins=set(memory.origins))
    _add(now, open_ones, rule, len(memory.seen))
    found = [*memory.seen, *now.seen]
    if ahead and now.candidate is not None:
        index, trial = now.candidate
        found[index] = rule.seen(trial, index, hide=True)
    return View(
        space=space,
        directions=dict(directions),
        trials=tuple(found),
        seed=seed,
        number=len(found) - len(now.origins),
        reference=study.user_attrs.get("reference"),
        scales=study.user_attrs.get("scales"),
        worker=worker,
    )


@dataclass(frozen=True)
class _Rule:
    """How a trial is shown."""

    directions: Mapping[str, Direction]
    distributions: "Mapping[str, BaseDistribution]"
    bounds: Sequence[str]
    space: SearchSpace

    def seen(self, trial: FrozenTrial, index: int, *, hide: bool = False) -> SeenTrial:
        """Return the trial as samplers see it."""
        found = _seen(trial, index, self.directions, self.distributions, self.bounds, hide=hide)
        found.key = key_of(self.space, trial.params)
        return found


def _settle(memory: Memory, trials: Sequence[FrozenTrial], rule: _Rule) -> None:
    """Take over the trials that have ended with all before them."""
    start = memory.looked
    while memory.looked < len(trials):
        trial = trials[memory.looked]
        if trial.number != memory.looked or not trial.state.is_finished():
            break
        memory.looked += 1
    new = _begun(trials[start : memory.looked])
    if new and place(new[0]) < memory.place:  # one that was put back: it stands further up
        new = _begun(trials[: memory.looked])
        memory.seen, memory.origins, memory.place, memory.candidate = [], set(), -1, None
    _add(memory, new, rule, 0)


def _add(memory: Memory, trials: Sequence[FrozenTrial], rule: _Rule, before: int) -> None:
    """Add trials at the end, of each parent's copies only the first: two workers may tell of it."""
    for trial in trials:
        index, origin = before + len(memory.seen), origin_of(trial)
        if is_parent(origin):
            if origin in memory.origins:
                continue
            memory.origins.add(origin)
        else:
            memory.candidate = index, trial
        memory.seen.append(rule.seen(trial, index))
        memory.place = place(trial)


def _begun(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that were begun and not taken back, in the order of their places."""
    found = (t for t in trials if t.state is not TrialState.WAITING and origin_of(t) != WITHDRAWN)
    return sorted(found, key=place)


def _seen(
    trial: FrozenTrial,
    index: int,
    directions: Mapping[str, Direction],
    known: "Mapping[str, BaseDistribution]",
    bounds: Sequence[str],
    *,
    hide: bool,
) -> SeenTrial:
    state, values = (TrialState.RUNNING, None) if hide else _outcome(trial, directions)
    unscored = state is TrialState.RUNNING
    names = [n for n in known if n in trial.params]  # in one order, whatever the trial's
    return SeenTrial(
        number=index,
        trial_id=index,
        state=state,
        value=None,
        values=values,
        datetime_start=_THEN,
        datetime_complete=None if unscored else _THEN,
        params={n: trial.params[n] for n in names},
        distributions={n: known[n] for n in names},
        user_attrs=_user_attributes(trial, unscored=unscored),
        system_attrs=_system_attributes(trial, bounds, unscored=unscored),
        intermediate_values={},
    )


def _outcome(
    trial: FrozenTrial, directions: Mapping[str, Direction]
) -> tuple[TrialState, list[float] | None]:
    """Return a trial's state and values; of a raced-out one the estimates that it got to.

    Optuna's samplers pass over pruned trials of several objectives, or take them for failures,
    though the items told much about the point. Without an estimate for each it stays pruned.
    """
    if trial.state is not TrialState.PRUNED:
        return trial.state, trial.values
    values = partial_values(trial, directions)
    return (TrialState.PRUNED, None) if values is None else (TrialState.COMPLETE, values)


def _user_attributes(trial: FrozenTrial, *, unscored: bool) -> dict[str, Any]:
    kept: dict[str, Any] = {"origin": origin_of(trial)}
    if not unscored and "scores" in trial.user_attrs:
        kept["scores"] = {
            name: {"value": score["value"], "stderr": _known(score.get("stderr"))}
            for name, score in trial.user_attrs["scores"].items()
        }
    return kept


def _system_attributes(
    trial: FrozenTrial, bounds: Sequence[str], *, unscored: bool
) -> dict[str, Any]:
    """Return what the sampler keeps with a trial, and the constraints, in one order.

    Storages give them back in their own, and some samplers take constraints by position.
    """
    kept = {k: trial.system_attrs[k] for k in sorted(trial.system_attrs) if k != FIXED}
    found = {k: v for k, v in kept.items() if not k.startswith(CONSTRAINTS)}
    if unscored:
        return found
    order = {f"{CONSTRAINTS}:{name}": place for place, name in enumerate(bounds)}
    constraints = [k for k in kept if k.startswith(CONSTRAINTS)]
    return found | {k: kept[k] for k in sorted(constraints, key=lambda k: order.get(k, len(order)))}


def _known(stderr: float | None) -> float | None:
    return None if stderr is None or math.isnan(stderr) else stderr
