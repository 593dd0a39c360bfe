"""Other rules of stopping, to compare with; the last three do not keep their promise."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from optimerge.front.racing.blocks import block_edges
from optimerge.testing.races import Rule, Situation, betting

Array = NDArray[np.float64]
Lead = Callable[[Array, Array, Array, float], NDArray[np.bool_]]
"""From the candidate's losses so far [t, m], the rivals' so far [j, t, m] and in all [j, t, n] and
the error allowed at one look, to whether a rival leads in a task [j, t]."""


def by_lead(lead: Lead, share: Callable[[int, int], float]) -> Rule:
    """Return the rule that stops once a rival leads in every task.

    `share` says, from the numbers of rivals and of looks, how much of the error one gets.
    """

    def rule(race: Situation, confidence: float) -> tuple[int, bool]:
        rivals = race.members[race.sparsity <= race.candidate_sparsity]
        count = race.candidate.shape[1]
        edges = block_edges(count)
        if len(rivals):
            error = (1 - confidence) * share(len(rivals), len(edges))
            for edge in edges[:-1]:
                seen = race.candidate[:, :edge]
                if lead(seen, rivals[:, :, :edge], rivals, error).all(axis=1).any():
                    return edge, True
        return count, False

    return rule


def _certain(seen: Array, _: Array, rivals: Array, __: float) -> NDArray[np.bool_]:
    best = seen.sum(axis=1) - (rivals.shape[2] - seen.shape[1])
    return np.asarray(best > rivals.sum(axis=2), dtype=np.bool_)


def _bernstein(seen: Array, theirs: Array, rivals: Array, error: float) -> NDArray[np.bool_]:
    """Empirical Bernstein-Serfling (Bardenet and Maillard 2015, theorem 4.3); range 2."""
    size, total = seen.shape[1], rivals.shape[2]
    gap = seen - theirs
    part = 1 - (size - 1) / total if 2 * size <= total else (1 - size / total) * (1 + 1 / size)
    log = math.log(5 / error)
    factor = 7 / 3 + 3 / math.sqrt(2)
    margin = gap.std(axis=2) * math.sqrt(2 * part * log / size) + factor * 2 * log / size
    return np.asarray(gap.mean(axis=2) > margin, dtype=np.bool_)


def _normal(seen: Array, theirs: Array, rivals: Array, error: float) -> NDArray[np.bool_]:
    """A paired z test with the finite-population correction."""
    size, total = seen.shape[1], rivals.shape[2]
    gap = seen - theirs
    spread = gap.std(axis=2, ddof=1) * math.sqrt((1 - size / total) / size)
    return np.asarray(gap.mean(axis=2) > -ndtri(error) * spread, dtype=np.bool_)


def _unpaired(seen: Array, theirs: Array, _: Array, error: float) -> NDArray[np.bool_]:
    size = seen.shape[1]
    spread = np.sqrt((seen.var(axis=1, ddof=1) + theirs.var(axis=2, ddof=1)) / size)
    gap = (seen - theirs).mean(axis=2)
    return np.asarray(gap > -ndtri(error) * spread, dtype=np.bool_)


def _point(seen: Array, theirs: Array, _: Array, __: float) -> NDArray[np.bool_]:
    return np.asarray(seen.mean(axis=1) > theirs.mean(axis=2), dtype=np.bool_)


def _whole_error(_: int, __: int) -> float:
    return 1.0


def _shared_error(rivals: int, number: int) -> float:
    return 1 / (rivals * number)


RULES: dict[str, Rule] = {
    "racing: bets, guesses, mean over rivals": betting,
    "deterministic curtailment": by_lead(_certain, _whole_error),
    "empirical Bernstein-Serfling, Bonferroni": by_lead(_bernstein, _shared_error),
    "unpaired normal, Bonferroni": by_lead(_unpaired, _shared_error),
    "paired normal, finite population, Bonferroni": by_lead(_normal, _shared_error),
    "paired normal, no correction over looks or rivals": by_lead(_normal, _whole_error),
    "point estimate": by_lead(_point, _whole_error),
}
