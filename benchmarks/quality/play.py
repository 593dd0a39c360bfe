"""One run: a contestant searches a surface with a seed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.quality.contest import Contestant
from benchmarks.quality.players import Player
from benchmarks.quality.records import Kept
from benchmarks.quality.start import start_points
from benchmarks.surfaces.surface import Measured, Surface
from optimerge.errors import TrialError
from optimerge.space.ranges import Param

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class _Asked:
    trial: "optuna.Trial"
    params: Mapping[str, Param]
    seconds: float


def play(surface: Surface, contestant: Contestant, seed: int, trials: int) -> Kept:
    """Search; a sampler that raises an error ends the run, and its reason is kept.

    With lag 1 a trial is told only after the next one has been asked for.
    """
    run = Kept(
        surface.name,
        contestant.label,
        seed,
        trials,
        dict(surface.objectives),
        {name: _parent(surface, found) for name, found in surface.parents.items()},
        [d.name for d in surface.space.dimensions],
    )
    player = Player(surface, contestant.sampler, seed, ahead=contestant.lag > 0)
    if contestant.start == "shared":
        player.know_parents()
        player.start_with(start_points(surface, seed, trials))
    waiting: list[_Asked] = []
    for _ in range(trials):
        try:
            waiting.append(_ask(player))
        except Exception as error:
            reason = f"proposal {len(run.values) + len(waiting)}: {type(error).__name__}: {error}"
            return Kept(**(vars(run) | {"failure": reason}))
        if len(waiting) > contestant.lag:
            _finish(player, surface, waiting.pop(0), run)
    for asked in waiting:
        _finish(player, surface, asked, run)
    return run


def _ask(player: Player) -> _Asked:
    started = time.process_time()
    trial, params = player.ask()
    return _Asked(trial, params, time.process_time() - started)


def _finish(player: Player, surface: Surface, asked: _Asked, run: Kept) -> None:
    try:
        found = surface.measure(asked.params)
    except TrialError:
        found = None
    player.tell(asked.trial, found)
    run.params.append([asked.params.get(name) for name in run.dimensions])
    run.values.append(_row(surface, found.values) if found else None)
    run.stderr.append(_row(surface, found.stderr) if found else None)
    run.test.append(_row(surface, found.test) if found else None)
    run.origin.append(str(asked.trial.user_attrs.get("origin", "sampler")))
    run.seconds.append(round(asked.seconds, 4))


def _row(surface: Surface, by_name: Mapping[str, float | None]) -> list[float | None]:
    return [by_name[name] for name in surface.objectives]


def _parent(surface: Surface, found: Measured) -> dict[str, list[float | None]]:
    return {
        "values": _row(surface, found.values),
        "stderr": _row(surface, found.stderr),
        "test": _row(surface, found.test),
    }
