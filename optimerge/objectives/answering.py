"""How requests are answered: what turns them into log-likelihoods and texts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from optimerge.objectives.live import Tokens
from optimerge.objectives.tokens.plan import TokenPlan

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Writing(Protocol):
    """Prompts made ready once, that any candidate writes on."""

    def write(self, model: "PreTrainedModel") -> list[str]:
        """Return the text that follows each prompt, cut at its stop strings.

        TrialError if the model's logits are NaN or infinite.
        """
        ...


class Answering(Protocol):
    """What turns requests into answers."""

    @property
    def way(self) -> object:
        """How log-likelihoods are run, which `str` says in words; None before one was asked for."""
        ...

    def prepare(self, pairs: Sequence[Tokens], model: "PreTrainedModel") -> None:
        """Choose how to answer requests like these; the model is a usable one, such as the base."""
        ...

    def plan(self, pairs: Sequence[Tokens]) -> TokenPlan:
        """Return the batches for some contexts and continuations."""
        ...

    def writing(self, instances: Sequence[Any]) -> Writing:
        """Return the prompts of some generation requests, made ready."""
        ...

    def changed(self) -> None:
        """Hear that the model's weights are others than they were: copies of them are stale."""
        ...
