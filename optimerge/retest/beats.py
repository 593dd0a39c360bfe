"""Whether merges beat the best parent and the best baseline, on each task and on the mean.

To beat the best one is to beat every one: so nobody has to say which is the best. Were it chosen
on the search items, it might be another on the test items, and the claim false; were it chosen on
the test items, its luck there would count against the merge twice or not at all. A merge is tested
against each rival, and the largest p-value counts (intersection-union: no correction over rivals;
Berger 1982). The rival that it comes from, the hardest, is the one that differences are given to;
as the luckiest of its kind it is rather too good than too bad. The probability is the share of the
bootstrap's draws in which the merge is strictly better than all of them.

A family of tests, corrected as one (`flips`), is all merges on all tasks and on their mean, against
one kind of rival. What is only reported is a family of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from optimerge.front.membership import beats_all
from optimerge.retest.flips import FLIPS, Pairs, make_pairs, p_values
from optimerge.retest.sample import Sample

Rivals = Literal["parents", "baselines"]

LEVEL = 0.05
"""A corrected p-value that is no larger is called significant."""


@dataclass(frozen=True)
class Estimate:
    """A number with what is known of its error."""

    value: float
    stderr: float | None = None
    """None: unknown."""
    low: float | None = None
    """Lower end of the interval that holds the true number in 95 of 100 cases."""
    high: float | None = None


@dataclass(frozen=True)
class Comparison:
    """One model against the best of several, on one task or on the mean of the tasks."""

    model: str
    against: Rivals
    task: str | None
    """None: the mean of the tasks."""
    rival: str
    """The hardest to beat."""
    ours: float
    """The model's score; of the mean, its mean."""
    theirs: float
    difference: Estimate
    """Positive: the model is better, whichever way the task's scores run."""
    probability: float | None
    """That it beats every one of them; None: nothing is known of the errors."""
    p: float | None
    """Of "it does not beat every one of them", alone."""
    p_corrected: float | None
    """Likewise, corrected for all comparisons of the family."""
    family: int
    """How many those are."""

    @property
    def significant(self) -> bool:
        """Whether the model is better, beyond chance."""
        return self.p_corrected is not None and self.p_corrected <= LEVEL

    @property
    def worse(self) -> bool:
        """Whether the model's score is below the rival's."""
        return self.difference.value < 0

    @property
    def surely_worse(self) -> bool:
        """Whether the whole interval of the difference is below zero."""
        return self.difference.high is not None and self.difference.high < 0


def compare(
    sample: Sample, against: Rivals, tasks: Sequence[str | None], flips: int = FLIPS
) -> list[Comparison]:
    """Return the comparisons of every merge with the rivals, a family: by merge, then by task.

    A merge, or a rival, without a score on a task is left out there; without a rival there is none.
    """
    family: list[tuple[str | None, list[tuple[int, list[int]]], Pairs | None]] = []
    for task in tasks:
        losses = sample.mean(task)
        rivals = [m for m in sample.of_kind(_kind(against)) if not np.isnan(losses[m])]
        merges = [m for m in sample.of_kind("merge") if not np.isnan(losses[m])]
        if not rivals or not merges:
            continue
        measured = not {sample.objectives[place] for place in sample.places(task)} & sample.unknown
        hardest = _hardest(sample, task, merges, rivals, known=measured)
        lines = [(merge, [rival, *rivals]) for merge, rival in zip(merges, hardest, strict=True)]
        pairs = _pairs(sample, task, list(zip(merges, hardest, strict=True))) if measured else None
        family.append((task, lines, pairs))
    tested = [pairs for _, _, pairs in family if pairs is not None]
    alone, corrected = p_values(tested, flips, sample.seed)
    made, start = [], 0
    for task, lines, pairs in family:
        for index, (merge, (rival, *rivals)) in enumerate(lines):
            at = start + index
            values = (float(alone[at]), float(corrected[at])) if pairs else (None, None)
            error = float(pairs.stderrs[index]) if pairs else None
            made.append(
                _comparison(sample, against, task, merge, rival, rivals, error, values, len(alone))
            )
        start += len(lines) if pairs else 0
    order = {name: place for place, name in enumerate(sample.names)}
    return sorted(made, key=lambda each: order[each.model])


def _kind(against: Rivals) -> Literal["parent", "baseline"]:
    return "parent" if against == "parents" else "baseline"


def _hardest(
    sample: Sample, task: str | None, merges: list[int], rivals: list[int], *, known: bool
) -> list[int]:
    """Return for each merge the rival with the least evidence of being beaten."""
    pairs = [(merge, rival) for merge in merges for rival in rivals]
    if known:
        found = _pairs(sample, task, pairs).statistics
    else:
        losses = sample.mean(task)
        found = np.array([losses[rival] - losses[merge] for merge, rival in pairs])
    least = found.reshape(len(merges), len(rivals)).argmin(axis=1)
    return [rivals[place] for place in least.tolist()]


def _pairs(sample: Sample, task: str | None, pairs: list[tuple[int, int]]) -> Pairs:
    places = sample.places(task)
    names = [sample.objectives[place] for place in places]
    return make_pairs([sample.outcomes[place] for place in places], names, pairs)


def _comparison(
    sample: Sample,
    against: Rivals,
    task: str | None,
    merge: int,
    rival: int,
    rivals: list[int],
    error: float | None,
    values: tuple[float, float] | tuple[None, None],
    family: int,
) -> Comparison:
    losses, sign = sample.mean(task), _sign(sample, task)
    low = high = probability = None
    if error is not None:
        drawn = sample.drawn_mean(task)
        low, high = map(float, np.quantile(drawn[rival] - drawn[merge], (0.025, 0.975)))
        probability = beats_all(drawn, merge, rivals)
    return Comparison(
        model=sample.names[merge],
        against=against,
        task=task,
        rival=sample.names[rival],
        ours=float(sign * losses[merge]) + 0.0,
        theirs=float(sign * losses[rival]) + 0.0,
        difference=Estimate(float(losses[rival] - losses[merge]), error, low, high),
        probability=probability,
        p=values[0],
        p_corrected=values[1],
        family=family,
    )


def _sign(sample: Sample, task: str | None) -> float:
    return -1.0 if task is None else sample.signs[sample.objectives.index(task)]
