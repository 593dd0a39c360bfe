"""Proposes the next point: a pure function of what a sampler may see.

The sampler works on a study in memory that is made from the view and thrown away, so a proposal
may be made in any process, before it is needed, and again after a kill, and is the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

from optimerge.records.optuna_access import id_of, study_notes, trial_of
from optimerge.records.types import Direction
from optimerge.search.distributions import distribution_of
from optimerge.search.samplers.registry import Ask, NamedSampler
from optimerge.search.samplers.unrepeated import known_keys, unrepeated
from optimerge.space.points import METHOD
from optimerge.space.ranges import Dimension, Param
from optimerge.space.space import SearchSpace

if TYPE_CHECKING:
    import optuna

STUDY = "study:"
"""What the keys of study attributes begin with where a trial keeps them: see `Proposal`."""
_SHARED = ("tpe:relative_params", "gp:relative_params", "surrogate:point")
"""Copies of the parameters, for workers that see the trial before it has them; ours has them."""


@dataclass(frozen=True)
class View:
    """All that a proposal depends on; frozen and picklable. `seen.make_view` makes it of a run."""

    space: SearchSpace
    directions: Mapping[str, Direction]
    """By objective that is optimised, in the order of the trials' values."""
    trials: "Sequence[optuna.trial.FrozenTrial]"
    """Oldest first. Raced-out ones are complete, with estimates; what is being scored is RUNNING.

    `user_attrs` hold `origin`, and of scored trials `scores`: by objective value and stderr (None:
    unknown). Constraints are in `constraints`, in the order of `space.bounds`.
    """
    seed: int
    """Of the run."""
    number: int
    """Of the proposal: how many candidates the search began before it, parents not counted."""
    reference: Sequence[float] | None = None
    """The reference point, in losses; None before it is fixed."""
    scales: Sequence[float] | None = None
    """The parents' range by objective; None before it is fixed."""
    worker: int = 0
    """Of the worker that asks: two that ask at once are not to be told the same."""

    @property
    def finished(self) -> int:
        """Count the trials that have ended, parents and failures included."""
        from optuna.trial import TrialState

        running, waiting = TrialState.RUNNING, TrialState.WAITING
        return sum(t.state is not running and t.state is not waiting for t in self.trials)


@dataclass(frozen=True)
class Proposal:
    """A point, and what the sampler wants to know of it later on."""

    params: Mapping[str, Param]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """The sampler's system attributes of the trial: generations, the state of CMA-ES.

    What it wrote on the study (the parents of a generation, the place in a sequence) is among
    them, with keys that begin with `STUDY`: so it is kept with the trial or not at all.
    """


def propose_point(view: View, sampler: NamedSampler) -> Proposal:
    """Return the sampler's next point in view of the trials; none of theirs again.

    Neither the sampler nor its study outlives the call. `after_trial` of samplers is never called.
    SpaceUsedUpError if there is no other point.
    """
    drawn: list[Proposal] = []

    def draw(attempt: int) -> Mapping[str, Param]:
        drawn.append(_drawn(view, sampler, attempt))
        return drawn[-1].params

    known = known_keys(view.space, view.trials)
    attempt, params = unrepeated(view.space, known, _seed(view), draw)
    return replace(drawn[attempt], params=params)


def _drawn(view: View, sampler: NamedSampler, attempt: int) -> Proposal:
    study, number = _study(view), view.number
    study.sampler = sampler.make(
        Ask(
            space=view.space,
            seed=_seed(view, attempt),
            finished=view.finished,
            number=number,
            reference=view.reference,
            scales=view.scales,
            directions=view.directions,
            run_seed=view.seed,
            attempt=attempt,
        )
    )
    known = study_notes(study)
    trial = study.ask()
    params = suggest_point(trial, view.space)
    found = study_notes(study)
    kept = trial_of(study, id_of(trial)).system_attrs
    attributes = {k: v for k, v in kept.items() if not k.startswith(_SHARED)}
    attributes |= {STUDY + k: v for k, v in found.items() if k not in known or known[k] != v}
    return Proposal(params, attributes)


def _seed(view: View, attempt: int = 0) -> int:
    return keyed_seed(view.seed, view.number, attempt, view.worker)


def _study(view: View) -> "optuna.Study":
    """Return a study in memory with the view's trials, and what they keep for the study."""
    from optuna.study import Study, StudyDirection

    from optimerge.search.view_storage import ViewStorage

    storage = ViewStorage()
    directions = [StudyDirection[d.upper()] for d in view.directions.values()]
    of = storage.create_new_study(directions, "view")
    storage.set_study_user_attr(of, "reference", view.reference)
    storage.set_study_user_attr(of, "scales", view.scales)
    study = Study("view", storage)
    storage.hold(of, view.trials)
    for trial in view.trials:
        attributes = trial.system_attrs
        for key, value in attributes.items() if attributes else ():
            if key.startswith(STUDY):
                storage.set_study_system_attr(of, key.removeprefix(STUDY), value)
    return study


def suggest_point(trial: "optuna.trial.BaseTrial", space: SearchSpace) -> dict[str, Param]:
    """Return the trial's point: the method first, then the dimensions that it has."""
    params: dict[str, Param] = {}
    for dimension in space.dimensions:
        if dimension.name == METHOD:
            params[METHOD] = suggest(trial, dimension)
    method = str(params.get(METHOD, space.methods[0]))
    for dimension in space.active(method):
        if dimension.name != METHOD:
            params[dimension.name] = suggest(trial, dimension)
    return params


def known_trial(
    space: SearchSpace,
    point: Mapping[str, Param],
    values: Sequence[float],
    attributes: Mapping[str, Any],
    constraints: Mapping[str, float] | None = None,
) -> "optuna.trial.FrozenTrial":
    """Return a completed trial for a point whose values are known without scoring it."""
    import optuna

    fixed = optuna.trial.FixedTrial(dict(point))
    suggest_point(fixed, space)
    return optuna.trial.create_trial(
        params=dict(point),
        distributions=fixed.distributions,
        values=list(values),
        user_attrs=dict(attributes),
        constraints=dict(constraints or {}),
    )


def keyed_seed(seed: int, number: int, attempt: int = 0, worker: int = 0) -> int:
    """Return the seed of a run's proposal of that number, for a run with that seed.

    `attempt`: how many points that the sampler proposed in its place were known already. `worker`:
    who asks; 0 is a search alone.
    """
    text = f"optimerge proposal {seed} {number}" + (f" again {attempt}" if attempt else "")
    text += f" worker {worker}" if worker else ""
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "little")


def suggest(trial: "optuna.trial.BaseTrial", dimension: Dimension) -> Param:
    """Return the trial's value on one dimension."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found, name = distribution_of(dimension), dimension.name
    if isinstance(found, CategoricalDistribution):
        return cast(Param, trial.suggest_categorical(name, found.choices))
    if isinstance(found, IntDistribution):
        return trial.suggest_int(name, found.low, found.high, log=found.log, step=found.step)
    assert isinstance(found, FloatDistribution)
    return trial.suggest_float(name, found.low, found.high, log=found.log, step=found.step)
