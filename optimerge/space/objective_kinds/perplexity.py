"""`perplexity: FILE`: how well a candidate predicts a text; smaller is better."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from optimerge.space.objective_kinds.settings import ObjectiveSettings

CONTEXT = 2048
"""Tokens of a window, where the model takes as many and the space does not say."""


class PerplexityObjective(ObjectiveSettings):
    """Perplexity of one text file, read as one text."""

    unit: ClassVar[str] = "exp of the mean negative log-likelihood of a token, word or byte"

    perplexity: str
    """The text file (UTF-8), relative to the search-space file."""
    per: Literal["token", "word", "byte"] = "token"
    """What the mean is taken over. Those of word and byte do not depend on the tokenizer."""
    context: Annotated[int, Field(ge=2)] | None = None
    """Tokens of a window; default: 2048, or the model's context if that is shorter."""
    stride: Annotated[int, Field(ge=1)] | None = None
    """Tokens from a window to the next; default: `context`, so that windows do not overlap.

    With a smaller one every token sees at least `context - stride` tokens before it, at the price
    of `context / stride` times the work.
    """

    @property
    def label(self) -> str:
        """Its name where none is given."""
        return "perplexity"

    @model_validator(mode="after")
    def _stride_within_context(self) -> Self:
        if self.stride is not None and self.stride > (self.context or CONTEXT):
            raise ValueError(
                f"stride {self.stride} is above context {self.context or CONTEXT}, so tokens "
                "between the windows would not be scored; lower stride"
            )
        return self
