"""`drift: PROMPTS_FILE`: how far a candidate went from a parent; smaller is better."""

from typing import Annotated, ClassVar

from pydantic import Field

from optimerge.space.objective_kinds.settings import ObjectiveSettings


class DriftObjective(ObjectiveSettings):
    """Mean KL divergence from a parent's next-token distributions to the candidate's."""

    unit: ClassVar[str] = "nats: the mean over positions of KL(parent || candidate)"

    drift: str
    """The prompts: a text file with one on each line, or .jsonl with {"prompt": "..."} lines;
    relative to the search-space file."""
    to: str = "base"
    """The parent: `base`, or a model's reference or short name."""
    max_tokens: Annotated[int, Field(ge=1)] = 1024
    """Positions compared, spread evenly over the prompts. The parent's log-probabilities are kept
    in main memory: so many times the vocabulary times 4 bytes."""
    chat_template: bool = False
    """Put each prompt into the tokenizer's chat template, as the user's message."""

    @property
    def label(self) -> str:
        """Its name where none is given."""
        return "drift"
