"""What a retest found: every model with its search and its test scores. Plain data, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from optimerge.records.types import Direction, Score

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

Kind = Literal["merge", "parent", "baseline", "ensemble"]
"""merge: a trial of the search; ensemble: not one model, a reference only."""


@dataclass(frozen=True)
class Items:
    """An objective's outcomes on documents: what a bootstrap draws from, paired over models.

    The objective's value is the mean of its tasks' means, weighted.
    """

    values: "tuple[NDArray[float64], ...]"
    """By task (one; of a group several) an outcome a document [n], in the objective's unit. All
    models of a retest have the same documents in the same order."""
    weights: tuple[float, ...] = (1.0,)
    """Of the tasks; their sum is 1."""


@dataclass(frozen=True)
class Masks:
    """One rebuild of a merge whose random masks were drawn from another seed."""

    seed: int
    test: Mapping[str, Score]


@dataclass(frozen=True)
class Tested:
    """One model of a retest."""

    name: str
    """What tables call it: a trial's number, a parent's name, `uniform`, `ensemble`, ..."""
    kind: Kind
    about: str = ""
    """How it was made, in a few words: "average of 3 experts"; "" for merges and parents."""
    recipe: str = ""
    """Its recipe as YAML text; "" for an ensemble."""
    search: Mapping[str, Score] = field(default_factory=dict)
    """By objective, on the search items."""
    test: Mapping[str, Score] = field(default_factory=dict)
    """By objective, on the test items; objectives under `report:` are only here."""
    search_items: Mapping[str, Items] = field(default_factory=dict)
    """Of the objectives that are means over documents; others have only a standard error."""
    test_items: Mapping[str, Items] = field(default_factory=dict)
    masks: tuple[Masks, ...] = ()
    error: str = ""
    """Why it has no test scores, in one sentence."""


@dataclass(frozen=True)
class Results:
    """All that a run's retest knows."""

    objectives: Mapping[str, Direction]
    """What the search optimised, in the study's order."""
    reported: Mapping[str, Direction]
    """Objectives under `report:`: measured on test items only, never searched on."""
    tested: tuple[Tested, ...]
    """Front members in the front's order, parents, baselines, the ensemble."""
    reference: tuple[float, ...]
    """The losses that hypervolumes are measured from: those that the search fixed."""
    scales: tuple[float, ...]
    """The unit of each objective's loss: the parents' range in the search."""
    looks: int = 1
    """How often the test items were looked at, this time included."""
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Baselines that this run cannot have, and why."""
