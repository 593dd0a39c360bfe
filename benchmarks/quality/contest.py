"""Who is compared: a sampler, how it starts, and how far ahead it proposes.

A spec reads `NAME`, `NAME@native`, `NAME@shared`, each with `+lag0` or `+lag1` if the lag is not
the usual one. NAME is a peer of the benchmark's or a sampler of `optimerge samplers`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from benchmarks.peers.registry import PEERS
from optimerge.errors import RunError
from optimerge.search.samplers.registry import sampler_named

Start = Literal["native", "shared"]

PEER_OF_OURS = "mmmo_as_released"
"""Among optimerge's samplers by name, but another's method."""
_COSTS = {
    "random": 0,
    "qmc": 0,
    "nsga2": 1,
    "nsga3": 1,
    "cmaes": 1,
    "tpe": 2,
    "mmmo_as_released": 3,
}
"""CPU time of optimerge's samplers, ranked as the peers' `cost` is; others are the costliest."""
_COSTLIEST = 6


@dataclass(frozen=True)
class Contestant:
    """A sampler with its start and its lag."""

    sampler: str
    start: Start
    lag: int

    @property
    def label(self) -> str:
        """The spec: the lag is named where it is not the usual one."""
        usual = self.lag == usual_lag(self.sampler)
        return f"{self.sampler}@{self.start}" + ("" if usual else f"+lag{self.lag}")

    @property
    def cost(self) -> int:
        """Rank by CPU time of a proposal: the cheap ones run first."""
        if self.sampler in PEERS:
            return PEERS[self.sampler].cost
        return _COSTS.get(self.sampler, _COSTLIEST)

    @property
    def ours(self) -> bool:
        """Whether it is optimerge's own, not a peer."""
        return is_ours(self.sampler)


def is_ours(sampler: str) -> bool:
    """Whether a sampler is one that optimerge adds: `auto`, `mmmo` and their variants."""
    return sampler.startswith(("auto", "mmmo")) and sampler != PEER_OF_OURS


def usual_lag(sampler: str) -> int:
    """Return how many results a proposal lacks: the product's own samplers propose one ahead."""
    return int(is_ours(sampler))


def contestants(specs: Iterable[str]) -> list[Contestant]:
    """Return who the specs name; without `@` a peer has both starts, our own the shared one.

    RunError for a sampler, start or lag that there is not.
    """
    found: dict[str, Contestant] = {}
    for spec in specs:
        name, at, rest = spec.partition("@")
        start, plus, lag = rest.partition("+lag")
        _check(spec, name, start if at else "shared", lag if plus else "0")
        starts: tuple[Start, ...] = ("shared",) if is_ours(name) else ("native", "shared")
        for each in starts if not at else (start,):
            made = Contestant(name, each, int(lag) if plus else usual_lag(name))  # type: ignore[arg-type]  # `start` was looked up in both
            found[made.label] = made
    return list(found.values())


def _check(spec: str, name: str, start: str, lag: str) -> None:
    if name not in PEERS:
        try:
            sampler_named(name)
        except RunError as error:
            raise RunError(f"{error}; of the benchmark alone: {', '.join(PEERS)}") from None
    if start not in ("native", "shared"):
        raise RunError(f"{spec}: the start is {start!r}; give @native or @shared")
    if lag not in ("0", "1"):
        raise RunError(f"{spec}: the lag is {lag!r}; give +lag0 or +lag1")


def summary_of(sampler: str) -> str:
    """Return what a sampler is, in a line."""
    return PEERS[sampler].summary if sampler in PEERS else sampler_named(sampler).summary
