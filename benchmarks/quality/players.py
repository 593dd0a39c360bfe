"""Has samplers play: asks for points, tells what they are worth. The one place that asks.

A sampler of optimerge's is asked as the product asks it: made anew for every proposal. A peer's is
made once a run and keeps what it has in memory, as in the system that it stands for.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.peers.registry import PEERS, Problem
from benchmarks.surfaces.surface import Measured, Surface
from optimerge.front.losses import to_loss
from optimerge.front.reference import reference_point, scales
from optimerge.search.begin import begin_proposal, begin_waiting
from optimerge.search.proposals import known_trial, propose_point, suggest_point
from optimerge.search.samplers.registry import sampler_named
from optimerge.search.seen import make_view
from optimerge.space.ranges import Param

if TYPE_CHECKING:
    import optuna


class Player:
    """A run's study, and the sampler that plays on it."""

    def __init__(self, surface: Surface, sampler: str, seed: int, *, ahead: bool = False) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._surface, self._name, self._seed, self._ahead = surface, sampler, seed, ahead
        self.study = optuna.create_study(directions=list(surface.objectives.values()))
        if sampler in PEERS:
            problem = Problem(surface.space, surface.objectives, seed)
            self.study.sampler = PEERS[sampler].make(problem)

    def know_parents(self) -> None:
        """Tell of the parents, as the product does: their points, the reference, the scales."""
        names = self._surface.objectives
        losses = [
            [to_loss(found.values[name], direction) for name, direction in names.items()]
            for found in self._surface.parents.values()
        ]
        self.study.set_user_attr("reference", reference_point(losses).tolist())
        self.study.set_user_attr("scales", scales(losses).tolist())
        for parent, point in self._surface.parent_points.items():
            found = self._surface.parents[parent]
            values = [found.values[name] for name in names]
            attributes = {"origin": parent, "scores": self._scores(found)}
            self.study.add_trial(known_trial(self._surface.space, point, values, attributes))

    def start_with(self, points: Sequence[Mapping[str, Param]]) -> None:
        """Have these points asked for first."""
        for point in points:
            self.study.enqueue_trial(dict(point), user_attrs={"origin": "start"})

    def ask(self) -> "tuple[optuna.Trial, dict[str, Param]]":
        """Return a running trial with its point."""
        space = self._surface.space
        if self._name in PEERS:
            trial = self.study.ask()
            return trial, suggest_point(trial, space)
        if begun := begin_waiting(self.study, space):
            return begun
        named, directions = sampler_named(self._name), self._surface.objectives
        view = make_view(self.study, space, directions, self._seed, ahead=self._ahead)
        proposal = propose_point(view, named)
        return begin_proposal(self.study, space, proposal, {}), dict(proposal.params)

    def tell(self, trial: "optuna.Trial", found: Measured | None) -> None:
        """Tell what a point is worth; None: its merge failed."""
        import optuna

        if found is None:
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
            return
        trial.set_user_attr("scores", self._scores(found))
        self.study.tell(trial, [found.values[name] for name in self._surface.objectives])

    def _scores(self, found: Measured) -> dict[str, dict[str, Any]]:
        return {
            name: {"value": found.values[name], "direction": d, "stderr": found.stderr[name]}
            for name, d in self._surface.objectives.items()
        }
