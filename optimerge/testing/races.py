"""Made-up races, whose truth is known, and how a rule of stopping fares in them.

The mix is that of a search in which most candidates are not near the front: a quarter broken, half
2 to 19 points worse than some member in every task, a quarter near the front. It is assumed, not
taken from real merges.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from optimerge.front.racing.blocks import looks
from optimerge.front.racing.race import Incumbent, Race, RaceTask

Array = NDArray[np.float64]
Kind = Literal["broken", "worse", "near", "equal", "one better"]

TASKS, MEMBERS = 3, 8
SHARES: dict[Kind, float] = {"broken": 0.25, "worse": 0.5, "near": 0.25}
_ALIKE = 0.8
"""Share of an answer's latent variance that models have in common: hard items are hard for all."""


@dataclass(frozen=True)
class Situation:
    """A candidate and a front, all items known. Losses are 0 (wrong) or -1 (right)."""

    kind: Kind
    members: Array
    """Losses [members, tasks, items]."""
    sparsity: Array
    """Exact losses [members]."""
    candidate: Array
    """Losses [tasks, items]."""
    candidate_sparsity: float

    @property
    def dominated(self) -> bool:
        """Whether on all items some member is no worse in all and better in one."""
        tasks = self.members.sum(axis=2) - self.candidate.sum(axis=1)
        gaps = np.column_stack((tasks, self.sparsity - self.candidate_sparsity))
        return bool(((gaps <= 0).all(axis=1) & (gaps < 0).any(axis=1)).any())


def situation(random: np.random.Generator, items: int, kind: Kind | None = None) -> Situation:
    """Make a race; of a kind drawn from the mix if none is given.

    Two kinds are the hardest to spare. "equal": as many items right as a member in every task, on
    other items. "one better": all members have the same number right in the first task and the
    candidate one more, while it is far worse in all else.
    """
    if kind is None:
        kind = list(SHARES)[random.choice(len(SHARES), p=list(SHARES.values()))]
    hard = random.standard_normal((TASKS, items))
    trade = 0.5 + 0.25 * np.sqrt(random.dirichlet(np.ones(TASKS), MEMBERS))
    members = np.stack([answers(random, hard, level) for level in trade])
    sparsity = random.random(MEMBERS)
    rival = int(random.integers(MEMBERS))
    level, alike = _level(random, kind, trade[rival])
    candidate = answers(random, hard, level, alike)
    mine = sparsity[rival] + (0.05 if kind == "broken" else random.normal(0.02, 0.05))
    if kind in ("equal", "one better"):
        right = (members[rival] < 0).sum(axis=1)
        mine, sparsity = 0.5, np.where(np.arange(MEMBERS) == rival, 0.5, 1.0)
        if kind == "one better":
            for member in members:
                member[0] = _with_right(random, member[0], right[0])
            right = np.array([right[0] + 1, *(right[1:] // 3)])
            sparsity = np.full(MEMBERS, mine)
        for row, count in zip(candidate, right, strict=True):
            row[:] = _with_right(random, row, count)
    return Situation(kind, members, sparsity, candidate, float(mine))


def _level(random: np.random.Generator, kind: Kind, level: Array) -> tuple[Array, float]:
    """Return a candidate's accuracies and how much its answers are like the others'."""
    if kind == "broken":
        return random.normal(0.27, 0.03, TASKS).clip(0.2, 0.35), 0.2
    if kind == "worse":
        return level - random.uniform(0.02, 0.19) + random.normal(0, 0.01, TASKS), _ALIKE
    return level + random.normal(0, 0.015, TASKS), _ALIKE


def answers(random: np.random.Generator, hard: Array, level: Array, alike: float = _ALIKE) -> Array:
    """Return losses [tasks, items] of a model with these accuracies, to within chance."""
    latent = np.sqrt(alike) * hard + np.sqrt(1 - alike) * random.standard_normal(hard.shape)
    ranks = latent.argsort(axis=1).argsort(axis=1)
    right = random.binomial(hard.shape[1], level)
    return np.where(ranks < right[:, None], -1.0, 0.0)


def _with_right(random: np.random.Generator, losses: Array, right: int) -> Array:
    """Return the losses with answers turned at random until so many are right."""
    turned = losses.copy()
    excess = int((losses < 0).sum()) - right
    places = np.flatnonzero(losses < 0) if excess > 0 else np.flatnonzero(losses == 0)
    turned[random.permutation(places)[: abs(excess)]] = 0.0 if excess > 0 else -1.0
    return turned


Rule = Callable[[Situation, float], tuple[int, bool]]
"""From a race and a confidence to items scored in each task and whether it was stopped."""


def betting(race: Situation, confidence: float) -> tuple[int, bool]:
    """Stop as the product does."""
    count = race.candidate.shape[1]
    members = [
        Incumbent(str(number), list(losses), [sparsity])
        for number, (losses, sparsity) in enumerate(zip(race.members, race.sparsity, strict=True))
    ]
    tasks = [RaceTask(count)] * TASKS
    run = Race(tasks, members, [race.candidate_sparsity], confidence)
    done = 0
    for edge, *_ in looks([count] * TASKS):
        for task in range(TASKS):
            run.add(task, race.candidate[task, done:edge])
        done = edge
        if run.verdict() is not None:
            return edge, True
        if not run.open:
            break
    return count, False


@dataclass(frozen=True)
class Outcome:
    """What a rule did in one race."""

    kind: Kind
    share: float
    """Of the items that were scored."""
    stopped: bool
    dominated: bool

    @property
    def wrong(self) -> bool:
        """Whether a candidate that belongs on the front was stopped."""
        return self.stopped and not self.dominated


def outcomes(
    rule: Rule, races: int, items: int, seed: int, kinds: Sequence[Kind | None] = (None,)
) -> Iterator[Outcome]:
    """Run a rule in so many races, the same for every rule; `kinds` in turn."""
    for number in range(races):
        random = np.random.default_rng([seed, items, number])
        race = situation(random, items, kinds[number % len(kinds)])
        used, stopped = rule(race, 0.95)
        yield Outcome(race.kind, used / items, stopped, race.dominated)
