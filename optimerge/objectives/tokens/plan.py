"""A plan: requests made ready once as groups of rows, answered by every candidate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from optimerge.objectives.tokens.batches import Batch, make_batch, split
from optimerge.objectives.tokens.budget import Budget
from optimerge.objectives.tokens.cache import expanded, run_prefix
from optimerge.objectives.tokens.forward import knows_positions, run
from optimerge.objectives.tokens.masks import Masks
from optimerge.objectives.tokens.memory import needs, until_it_fits
from optimerge.objectives.tokens.request import Answers, Tokens
from optimerge.objectives.tokens.rows import Row, cost

if TYPE_CHECKING:
    from torch import Tensor


class TokenPlan(Protocol):
    """Requests made ready: `answer` runs them on the model as it stands now."""

    name: str
    budget: Budget

    def answer(self, model: Any) -> Answers:
        """Answer all requests, in their order."""


@dataclass(frozen=True)
class Group:
    """Rows that come after one prefix, which may be empty."""

    prefix: Tokens
    rows: tuple[Row, ...]


class RowPlan:
    """Groups of rows, run in batches of a token budget.

    The batches follow from rows and budget alone; a forward that runs out of memory halves the
    budget for good and all begins again, so that answers are those of the budget that remains.
    Nothing of a candidate outlives `answer`. The model must be in evaluation mode.
    """

    def __init__(
        self,
        name: str,
        groups: Sequence[Group],
        requests: int,
        model: Any,
        budget: Budget,
        *,
        level: bool = False,
    ) -> None:
        self.name, self.groups, self.budget = name, tuple(groups), budget
        self._requests, self._level = requests, level
        config = model.config.get_text_config()
        self._width, self._vocabulary = int(config.hidden_size), int(config.vocab_size)
        self._keep = knows_positions(model)
        self._masks: Masks | None = None
        if any(group.prefix or any(row.branches for row in group.rows) for group in self.groups):
            self._masks = Masks(model)
        self._made: tuple[Any, list[tuple[Tensor | None, list[Batch]]]] | None = None

    @property
    def tokens(self) -> int:
        """Tokens that one candidate runs, without padding."""
        return sum(len(group.prefix) + sum(map(len, group.rows)) for group in self.groups)

    @property
    def cost(self) -> float:
        """What a candidate costs, in tokens: see `rows.tree_rows`."""
        return sum(cost(group.rows, self._width, len(group.prefix)) for group in self.groups)

    def answer(self, model: Any) -> Answers:
        """Answer all requests, in their order; needs as much memory as the budget says."""
        return until_it_fits(self.budget, lambda: self._answer(model))

    def batches(self, device: Any) -> "list[tuple[Tensor | None, list[Batch]]]":
        """Return the batches of each group after its prefix's ids [1, P], made once a budget."""
        import torch

        key = (str(device), self.budget.tokens, self.budget.logits, self.budget.kept)
        if self._made is None or self._made[0] != key:
            made: list[tuple[Tensor | None, list[Batch]]] = []
            for group in self.groups:
                prefix = torch.tensor([group.prefix], device=device) if group.prefix else None
                parts = split(
                    group.rows,
                    self.budget,
                    self._vocabulary,
                    level=self._level,
                    prefix=len(group.prefix),
                )
                made.append((prefix, [make_batch(rows, device) for rows in parts]))
            self._made = key, made
        return self._made[1]

    def _answer(self, model: Any) -> Answers:
        import torch

        found: list[tuple[Tensor, Tensor]] = []
        requests: list[int] = []
        for prefix, batches in self.batches(model.device):
            cache = None
            if prefix is not None:
                with needs(1, prefix.numel()):
                    cache = run_prefix(model, prefix, keep=self._keep)
            for batch in batches:
                with needs(len(batch.ids), batch.size):
                    found.append(self._run(model, batch, prefix, cache))
                requests += batch.requests
        # The only wait for the device.
        log_probs = torch.cat([each for each, _ in found]).cpu().numpy()
        likeliest = torch.cat([each for _, each in found]).cpu().numpy()
        return Answers.of(self._requests, requests, log_probs, likeliest, self.tokens)

    def _run(
        self, model: Any, batch: Batch, prefix: "Tensor | None", cache: Any
    ) -> "tuple[Tensor, Tensor]":
        if not batch.branches and prefix is None:
            return run(model, batch, keep=self._keep, use_cache=False)
        assert self._masks is not None
        length = 0 if prefix is None else prefix.numel()
        return run(
            model,
            batch,
            keep=self._keep,
            use_cache=cache is not None,
            past_key_values=None if cache is None else expanded(cache, len(batch.ids)),
            position_ids=batch.depths,
            attention_mask=self._masks.make(batch, length, model.dtype),
        )
