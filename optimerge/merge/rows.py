"""Which row of which model each row of the result's embeddings comes from.

As mergekit 0.1.5: a model gives its own rows; a token that it lacks gets the row of the recipe's
rule for it, else the base's, else the only owner's, else the mean of the owners', else zeros.
Rows without a token (padding, gaps in the ids) are the mean of all rows with one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from optimerge.errors import RecipeError
from optimerge.merge.vocabulary import Vocabulary
from optimerge.recipe.schema import TokenSource

Pairs = tuple[list[int], list[int]]
"""Places, and the rows to put there."""


@dataclass(frozen=True)
class Rows:
    """Where the rows of one table come from, for the models that make it."""

    total: int
    rows_in: Mapping[str, int]
    """By model: rows of its own table."""
    tokens: list[int]
    """Rows that stand for a token, in order; the others get their mean."""
    own: Mapping[str, Pairs]
    """By model: rows of the result, and the model's own rows that go there."""
    filled: list[int]
    """Rows of the result that some model lacks: places of the fill table."""
    lacking: Mapping[str, list[int]]
    """By model: places of the fill table that it takes."""
    copies: Mapping[str, Pairs] = field(default_factory=dict)
    """By model: places of the fill table, and the rows that are copied there."""
    means: Mapping[str, Pairs] = field(default_factory=dict)
    """By model, in order: places of the fill table, and the rows that are added up there."""
    counts: list[int] = field(default_factory=list)
    """For each place of the fill table: how many rows its mean has; 0 for a copy or zeros."""
    rowless: tuple[str, ...] = ()
    """Tokens that get zeros, because none of the models has a row for them."""


def rows_of(vocabulary: Vocabulary, models: Sequence[str], base: str | None) -> Rows:
    """Return where the rows come from in a merge of `models`; RecipeError for an unfit rule.

    `base`: the base model of the slice, whether or not the method treats it as one.
    """
    output = vocabulary.tokenizer.ids
    forced = {token for token, rule in vocabulary.rules.items() if rule.force}
    filled = [
        token
        for token in output
        if token in forced or any(token not in vocabulary.ids[m] for m in models)
    ]
    place = {token: n for n, token in enumerate(filled)}
    fill = _Fill(models, len(filled))
    for token, here in place.items():
        fill.add(vocabulary, token, here, models, base)
    own, lacking = {}, {}
    for model in models:
        ids = vocabulary.ids[model]
        kept = [t for t in output if t in ids and t not in forced]
        own[model] = [output[t] for t in kept], [ids[t] for t in kept]
        lacking[model] = [n for t, n in place.items() if t in forced or t not in ids]
    return Rows(
        total=vocabulary.rows,
        rows_in={model: vocabulary.rows_in[model] for model in models},
        tokens=sorted(set(output.values())),
        own=own,
        filled=[output[token] for token in filled],
        lacking=lacking,
        copies=fill.copies,
        means=fill.means,
        counts=fill.counts,
        rowless=tuple(fill.rowless),
    )


class _Fill:
    """The fill table while its rows are looked for; names as those of `Rows`."""

    def __init__(self, models: Sequence[str], size: int) -> None:
        self.copies: dict[str, Pairs] = {model: ([], []) for model in models}
        self.means: dict[str, Pairs] = {model: ([], []) for model in models}
        self.counts = [0] * size
        self.rowless: list[str] = []

    def add(
        self,
        vocabulary: Vocabulary,
        token: str,
        place: int,
        models: Sequence[str],
        base: str | None,
    ) -> None:
        """Find the row of a token that some model lacks, or a rule is for."""
        owners = [m for m in models if token in vocabulary.ids[m]]
        rule = vocabulary.rules.get(token)
        if rule and rule.source:
            found = _ruled(vocabulary, token, rule.source, models)
            if found:
                _put(self.copies, *found, place)
        elif rule and not owners:
            raise RecipeError(
                f"tokenizer.tokens[{token!r}]: none of the merged models has this token; give "
                "it a source: a model, {kind: zero} or {kind: model_token, ...}"
            )
        elif len(owners) == 1 or base in owners:
            owner = owners[0] if len(owners) == 1 else str(base)
            _put(self.copies, owner, vocabulary.ids[owner][token], place)
        elif owners:
            self.counts[place] = len(owners)
            for owner in owners:
                _put(self.means, owner, vocabulary.ids[owner][token], place)
        else:
            self.rowless.append(token)


def _put(table: dict[str, Pairs], model: str, row: int, place: int) -> None:
    table[model][0].append(place)
    table[model][1].append(row)


def _ruled(
    vocabulary: Vocabulary, token: str, source: TokenSource, models: Sequence[str]
) -> tuple[str, int] | None:
    """Return the model and row that a rule names; None for zeros."""
    where = f"tokenizer.tokens[{token!r}]"
    model = source.model
    if model is None:
        return None
    if model not in models:
        raise RecipeError(
            f"{where}: {model!r} is none of the models whose embeddings are merged here "
            f"({', '.join(models)}); name one of these"
        )
    if source.token_id is not None:
        if source.token_id >= vocabulary.rows_in[model]:
            raise RecipeError(
                f"{where}: token_id {source.token_id} is past the {vocabulary.rows_in[model]} "
                f"rows of {model!r}; give a smaller one"
            )
        return model, source.token_id
    wanted = source.token or token
    if wanted not in vocabulary.ids[model]:
        raise RecipeError(
            f"{where}: {model!r} has no embedding for {wanted!r}; name a token or a model that "
            "has one, or {kind: zero}"
        )
    return model, vocabulary.ids[model][wanted]
