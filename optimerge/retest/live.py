"""One model, loaded to be scored, whatever it was made of."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from optimerge.objectives.protocol import Candidate

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Live(Protocol):
    """A model in memory, with the parents that objectives compare it with."""

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def model(self) -> "PreTrainedModel":
        """A usable model of its shape: itself, or the base before the merge is written."""

    @property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """Its tokenizer."""

    @property
    def unscored(self) -> Mapping[str, str]:
        """Objectives that cannot be scored on it, by name, and why."""

    def parent(self, reference: str) -> "PreTrainedModel":
        """Return a parent to look at, by its reference in the space; before `candidate`."""

    def candidate(self) -> Candidate:
        """Return what is scored; no parent is asked for from then on."""
