"""`length: PROMPTS_FILE`: how long a candidate's answers are; smaller is better by default."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from optimerge.space.objective_kinds.settings import ObjectiveSettings


class LengthObjective(ObjectiveSettings):
    """Mean number of tokens of greedily generated answers."""

    unit: ClassVar[str] = "tokens of an answer, the mean over prompts"

    length: str
    """The prompts: a text file with one on each line, or .jsonl with {"prompt": "..."} lines;
    relative to the search-space file."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 256
    """Where an answer that does not end is cut; it counts with this length."""
    chat_template: bool = False
    """Put each prompt into the tokenizer's chat template, as the user's message."""
    direction: Literal["minimize", "maximize"] = "minimize"
    """Whether short or long answers are better."""

    @property
    def label(self) -> str:
        """Its name where none is given."""
        return "length"
