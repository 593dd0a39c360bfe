"""What an objective is: a name, a direction, and a score of the resident model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from optimerge.records.types import Direction, MergeStats, Score

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Candidate:
    """A merged model as it stands in memory, with what the merge counted."""

    model: "PreTrainedModel"
    stats: MergeStats


@runtime_checkable
class Objective(Protocol):
    """Scores candidates; the same candidate twice gives the same score."""

    name: str
    direction: Direction

    def score(self, candidate: Candidate) -> Score:
        """Score the candidate; TrialError if it cannot be scored (NaN, an item that raises)."""
        ...


@runtime_checkable
class NeedsParent(Protocol):
    """An objective that looks at a parent once, before the first candidate is scored."""

    def prepare(self, write: "Callable[[str], PreTrainedModel]") -> None:
        """Look at the parent, if not done yet; `write` makes the live model that parent."""
        ...
