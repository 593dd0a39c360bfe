"""Brings the embeddings and heads of all models to the vocabulary of the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimerge.checkpoint.architecture import has_token_rows
from optimerge.errors import RecipeError
from optimerge.merge.plan import MergePlan, TensorPlan
from optimerge.merge.rows import Pairs, Rows, rows_of
from optimerge.merge.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class _Gather:
    """How one model's table is put together, on one device."""

    sources: "torch.Tensor"
    """For each row of the result: the model's row, or any where it has none."""
    places: "torch.Tensor"
    """Rows of the result that the model lacks."""
    fills: "torch.Tensor"
    """Their places in the fill table."""


class Aligner:
    """Aligns tensors of a merge to a vocabulary, rows first; other tensors are left alone."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._rows: dict[tuple[tuple[str, ...], str | None], Rows] = {}
        self._gathers: dict[tuple[tuple[str, ...], str | None, str], list[_Gather | None]] = {}

    def __call__(self, plan: TensorPlan, tensors: "Sequence[torch.Tensor]") -> "list[torch.Tensor]":
        """Return the tensors of `plan.sources` as tables of the result's rows.

        All must have the math dtype already: means are taken in it, as mergekit does.
        """
        if not has_token_rows(plan.name):
            return list(tensors)
        return self.tables([s.model for s in plan.sources], plan.base_model, tensors)

    def tables(
        self, models: Sequence[str], base: str | None, tensors: "Sequence[torch.Tensor]"
    ) -> "list[torch.Tensor]":
        """Return each model's table with the result's rows."""
        device = str(tensors[0].device)
        key = tuple(models), base, device
        if key not in self._gathers:
            self._gathers[key] = _gathers(self.rows(models, base), models, device)
        rows, gathers = self.rows(models, base), self._gathers[key]
        if all(gather is None for gather in gathers):
            return [given[: rows.total] for given in tensors]
        fill = _fill_table(rows, dict(zip(models, tensors, strict=True)))
        return [
            given[: rows.total] if gather is None else _table(rows, gather, given, fill)
            for gather, given in zip(gathers, tensors, strict=True)
        ]

    def rows(self, models: Sequence[str], base: str | None) -> Rows:
        """Return where the rows come from; worked out once for each set of models."""
        key = tuple(models), base
        if key not in self._rows:
            self._rows[key] = rows_of(self.vocabulary, models, base)
        return self._rows[key]

    def check(self, plan: MergePlan, file: object) -> list[str]:
        """Refuse rules that no table can follow; return notes. Reads no weights.

        `file`: the recipe's or the search space's, for the complaint.
        """
        notes = {}
        for tensor in plan.tensors:
            if has_token_rows(tensor.name):
                models = [source.model for source in tensor.sources]
                try:
                    rowless = self.rows(models, tensor.base_model).rowless
                except RecipeError as error:
                    raise RecipeError(f"{file}: {error}") from None
                if rowless:
                    notes[rowless] = (
                        f"{len(rowless)} tokens of the result (the first is {rowless[0]!r}) are "
                        f"in none of the models that make {tensor.name}: their rows are zeros"
                    )
        return list(notes.values())


def _fill_table(rows: Rows, given: "dict[str, torch.Tensor]") -> "torch.Tensor":
    import torch

    like = next(iter(given.values()))
    fill = like.new_zeros((len(rows.filled), *like.shape[1:]))
    for model, pairs in rows.copies.items():
        _copy(fill, given[model], pairs)
    for model, (places, sources) in rows.means.items():
        if places:
            at = torch.tensor(places, device=like.device)
            fill[at] = fill[at] + given[model][torch.tensor(sources, device=like.device)]
    if any(rows.counts):
        at = torch.tensor([n for n, count in enumerate(rows.counts) if count], device=like.device)
        count = torch.tensor([count for count in rows.counts if count], device=like.device)
        fill[at] = fill[at] / count.to(fill.dtype).view(-1, *[1] * (fill.dim() - 1))
    return fill


def _gathers(rows: Rows, models: Sequence[str], device: str) -> list[_Gather | None]:
    """Return how each model's table is made; None where its first rows are the result's."""
    import torch

    found: list[_Gather | None] = []
    for model in models:
        places, sources = rows.own[model]
        index = torch.zeros(rows.total, dtype=torch.int64)
        index[places] = torch.tensor(sources, dtype=torch.int64)
        if len(places) == rows.total == rows.rows_in[model] and places == sources:
            found.append(None)
            continue
        fills = torch.tensor(rows.lacking[model], dtype=torch.int64)
        lacking = torch.tensor(rows.filled, dtype=torch.int64)[fills]
        found.append(_Gather(index.to(device), lacking.to(device), fills.to(device)))
    return found


def _table(
    rows: Rows, gather: _Gather, given: "torch.Tensor", fill: "torch.Tensor"
) -> "torch.Tensor":
    table = given.index_select(0, gather.sources)
    table.index_copy_(0, gather.places, fill.index_select(0, gather.fills))
    if len(rows.tokens) < rows.total:
        _fill_with_mean(table, rows)
    return table


def _fill_with_mean(table: "torch.Tensor", rows: Rows) -> None:
    import torch

    used = torch.zeros(rows.total, dtype=torch.bool)
    used[rows.tokens] = True
    used = used.to(table.device)
    whole = len(rows.tokens) == rows.tokens[-1] + 1
    kept = table[: len(rows.tokens)] if whole else table[used]
    table[~used] = kept.mean(dim=0)


def _copy(table: "torch.Tensor", given: "torch.Tensor", pairs: Pairs) -> None:
    import torch

    places, sources = pairs
    if places:
        to = torch.tensor(places, device=table.device)
        table[to] = given[torch.tensor(sources, device=given.device)]
