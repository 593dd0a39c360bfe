"""How requests are answered: what turns them into log-likelihoods and texts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from optimerge.objectives.live import Tokens

if TYPE_CHECKING:
    from numpy import ndarray
    from transformers import PreTrainedModel


class Likelihoods(Protocol):
    """Answers to requests for log-likelihoods, in their order."""

    @property
    def loglikelihoods(self) -> "ndarray":
        """Sum of the log-probabilities of the answer's tokens; NaN where logits are not finite."""
        ...

    @property
    def greedy(self) -> "ndarray":
        """Whether greedy decoding gives the answer."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens that were run."""
        ...


class Plan(Protocol):
    """Batches made once, that any candidate answers."""

    def answer(self, model: "PreTrainedModel") -> Likelihoods:
        """Answer every request by the model as it stands now."""
        ...


class Answering(Protocol):
    """What turns requests into answers."""

    def plan(self, pairs: Sequence[Tokens]) -> Plan:
        """Return the batches for some contexts and continuations."""
        ...

    def generate(self, model: "PreTrainedModel", instances: Sequence[Any]) -> list[str]:
        """Return the text that follows each prompt, cut at its stop strings.

        TrialError if the model's logits are NaN or infinite.
        """
        ...
