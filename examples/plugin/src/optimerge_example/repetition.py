"""`repetition`: how much of its answers a candidate says twice, as broken merges do."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from optimerge.objectives.prompts_file import prompt_tokens, read_prompts
from optimerge.space.objective_kinds.named import NamedObjective, Result

if TYPE_CHECKING:
    from optimerge.objectives.context import Context
    from optimerge.objectives.protocol import Candidate


def repeated(tokens: Sequence[int], length: int) -> float:
    """Return the share of runs of `length` tokens that stood there before.

    >>> repeated([7, 8, 7, 8, 7], 2)
    0.5
    """
    runs = [tuple(tokens[i : i + length]) for i in range(len(tokens) - length + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


@dataclass(frozen=True)
class Repetition:
    """Answers the prompts greedily, one by one."""

    rows: Sequence[Sequence[int]]
    most: int
    length: int

    def __call__(self, candidate: "Candidate") -> Result:
        """Return the mean share over the answers, with its standard error."""
        shares = [repeated(self._answer(candidate.model, row), self.length) for row in self.rows]
        error = stdev(shares) / len(shares) ** 0.5 if len(shares) > 1 else None
        return {"value": fmean(shares), "stderr": error, "items": len(shares)}

    def _answer(self, model: Any, row: Sequence[int]) -> list[int]:
        import torch

        given = torch.tensor([row], device=model.device)
        said = model.generate(
            given,
            attention_mask=torch.ones_like(given),
            do_sample=False,
            max_new_tokens=self.most,
        )
        return list(said[0, len(row) :].tolist())


def make(
    context: "Context",
    *,
    prompts: Annotated[str, Field(description="text file with one prompt on each line")],
    max_new_tokens: Annotated[int, Field(ge=1, description="where an answer is cut")] = 64,
    length: Annotated[int, Field(ge=1, description="tokens that count as one saying")] = 3,
) -> Repetition:
    """Read the prompts, which lie beside the search space."""
    where = "objective repetition"
    rows = prompt_tokens(where, read_prompts(where, prompts, context), context, chat=False)
    return Repetition(rows, max_new_tokens, length)


OBJECTIVE = NamedObjective(
    name="repetition",
    summary="what greedy answers say twice",
    direction="minimize",
    unit="share of runs of tokens",
    make=make,
)
