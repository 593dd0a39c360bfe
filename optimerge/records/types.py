"""The plain records that all rooms exchange; none holds a tensor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from optimerge.records.keys import is_parent as is_parent
from optimerge.space.ranges import Param

Direction = Literal["maximize", "minimize"]
State = Literal["complete", "failed", "pruned", "running", "waiting"]


@dataclass(frozen=True)
class MergeStats:
    """What one merge did to the resident model, counted on the weights as written."""

    seconds: float
    parameters: int
    """Entries written; each has a base entry to compare with, if `compared`."""
    nonzero: int
    """Entries that differ from the base."""
    l1: float
    """Sum of |merged - base|."""
    l2: float
    """Square root of the sum of (merged - base)^2."""
    compared: bool = True
    """Whether there is a base to compare with; if not (layer maps), differences are 0 and mean
    nothing."""

    @property
    def nonzero_share(self) -> float:
        """Share of the parameters that differ from the base, 0 to 1."""
        return self.nonzero / self.parameters if self.parameters else 0.0


@dataclass(frozen=True)
class Score:
    """One objective's value on one candidate, with what is known of its error."""

    value: float
    stderr: float | None
    """Standard error over items; 0 for exact objectives, None where it is unknown."""
    items: int
    """Documents scored; 0 for objectives that score no documents."""
    direction: Direction
    seconds: float


@dataclass(frozen=True)
class Trial:
    """One candidate of a study: what was asked, what was built, what came out."""

    number: int | None
    """Number in the study; None for a parent that is not a point of the space."""
    state: State
    origin: str
    """"base", "expert:NAME", "warm:NAME", "sampler", "random" (where the sampler failed) or, beside
    the search, "soup:NAME+NAME"."""
    params: Mapping[str, Param]
    recipe: str
    """The recipe as YAML text; "" if the trial failed before it was known."""
    scores: Mapping[str, Score] = field(default_factory=dict)
    """By objective name, in the study's order; those that are not optimised come last. Of a pruned
    trial: estimates from a part of the documents."""
    stats: MergeStats | None = None
    error: str = ""
    """Why a failed trial failed, in one sentence."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Wall seconds by stage: wait (for the proposal), merge, score; of score: answer, metrics,
    others. `propose`: what the proposal took, most of it while the trial before was scored."""
    tokens: int = 0
    """Tokens that the model read to give log-likelihoods."""
    stopped: str = ""
    """Why a race stopped a pruned trial."""
    evidence: str = ""
    """Name of its per-document evidence among the run's; "" if it kept none."""
    late: str = ""
    """Why the evidence was not at once where the run keeps it, and where it waited."""
    constraints: Mapping[str, float] = field(default_factory=dict)
    """By constraint (`gsm8k >= 0.5`) how far beyond its limit the trial is; kept if <= 0."""

    @property
    def is_parent(self) -> bool:
        """Whether this is the base or an expert as given."""
        return is_parent(self.origin)

    @property
    def elapsed(self) -> float:
        """Wall seconds from the end of the trial before to its own."""
        return sum(self.seconds.get(stage, 0.0) for stage in ("wait", "merge", "score"))

    @property
    def violations(self) -> dict[str, float]:
        """The constraints that the trial breaks, with by how much, in the objective's unit."""
        return {name: beyond for name, beyond in self.constraints.items() if beyond > 0}

    @property
    def feasible(self) -> bool:
        """Whether the trial keeps every constraint; only then may it be on the front."""
        return not self.violations

    @property
    def name(self) -> str:
        """What tables call it: a parent's name, the trial number, or its origin if it has none."""
        if self.is_parent:
            return self.origin.removeprefix("expert:")
        return self.origin if self.number is None else str(self.number)
