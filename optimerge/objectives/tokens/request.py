"""What is asked of a model, and what it answers: log-likelihoods of tokens after tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Request:
    """The ids of a context and of the answer after it, as `HFLM._loglikelihood_tokens` gets them.

    Neither may be empty. A context that is too long for the model is cut by `Chain.of`.
    """

    context: Tokens
    answer: Tokens

    def __post_init__(self) -> None:
        if not self.context or not self.answer:
            raise ValueError(f"a request needs context and answer tokens, not {self}")


@dataclass(frozen=True)
class Answers:
    """One value a request, in the order of the requests.

    A log-likelihood is the sum over the answer's tokens of a float32 log-softmax. It is not finite
    where the logits were not: the caller must look.
    """

    loglikelihoods: "npt.NDArray[np.float64]"
    greedy: "npt.NDArray[np.bool_]"
    """Whether greedy decoding gives the answer."""
    tokens: int
    """How many tokens were run, without padding."""

    @classmethod
    def of(
        cls,
        count: int,
        requests: Sequence[int],
        log_probs: "npt.NDArray[np.float32]",
        likeliest: "npt.NDArray[np.bool_]",
        tokens: int,
    ) -> Self:
        """Sum each answer's tokens, in float64; `requests` says whose each token is."""
        import numpy as np

        totals, greedy = np.zeros(count), np.ones(count, np.bool_)
        np.add.at(totals, requests, log_probs.astype(np.float64))
        np.logical_and.at(greedy, requests, likeliest)
        return cls(totals, greedy, tokens)


@dataclass(frozen=True, order=True)
class Chain:
    """A request as the model runs it: `inputs` in, and `targets` after the last of them."""

    inputs: Tokens
    targets: Tokens
    request: int

    @property
    def stem(self) -> int:
        """How many inputs come before the first whose logits are needed."""
        return len(self.inputs) - len(self.targets)

    @classmethod
    def of(cls, request: Request, number: int, max_length: int) -> "Chain":
        """Cut a context's start off as lm-eval does: the answer and what fits before it stay."""
        if len(request.answer) > max_length:
            raise ValueError(
                f"an answer of {len(request.answer)} tokens, but the model takes {max_length}"
            )
        inputs = (request.context + request.answer)[-(max_length + 1) :][:-1]
        return cls(inputs, request.answer, number)


def shared_length(one: Tokens, other: Tokens) -> int:
    """Count the tokens that two sequences begin with in common, by bisection over slices."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
