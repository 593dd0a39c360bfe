"""The vocabulary of the result: its tokenizer, and which tokens each model has a row for.

Semantics as mergekit 0.1.5 `tokenizer:`, but for `union`, which it numbers by chance: here the
base's tokens keep their ids, then come the other models' new tokens, model by model in the order
of the recipe (base first), each model's sorted by their text (code points). New tokens of
`tokens:` come last, in the order of the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from optimerge.checkpoint.architecture import has_token_rows
from optimerge.checkpoint.folder import Checkpoint
from optimerge.checkpoint.reference import resolve
from optimerge.checkpoint.tokenizer import TokenizerFiles, has_tokenizer, read_tokenizer
from optimerge.checkpoint.tokenizer_edit import plain_tokens, with_added, without_rowless
from optimerge.errors import CheckpointError
from optimerge.recipe.schema import Recipe, Tokenizer, TokenRule

Ids = Mapping[str, int]
"""Tokens and their rows."""


@dataclass(frozen=True)
class Vocabulary:
    """What the rows of embeddings and heads of the result stand for."""

    wanted: Tokenizer
    """What the recipe asks for."""
    tokenizer: TokenizerFiles
    """The result's."""
    owner: Path | None
    """Folder of the model whose tokenizer it is, if that is not the base."""
    base: str
    """Reference of the base model, or of the first model if there is no base."""
    ids: Mapping[str, Ids]
    """By model: every token that the model has a row for."""
    rows_in: Mapping[str, int]
    """By model: rows of its embedding."""

    @cached_property
    def rows(self) -> int:
        """Rows of the result's embeddings: one for each id, and those that pad."""
        used = 1 + max(self.tokenizer.ids.values())
        multiple = self.wanted.pad_to_multiple_of or 1
        return -(-used // multiple) * multiple

    @property
    def rules(self) -> Mapping[str, TokenRule]:
        """The rules of `tokens:`."""
        return self.wanted.tokens or {}

    @property
    def without_base(self) -> list[str]:
        """Return the tokens whose row in the base is none of the base's own rows."""
        own = self.ids[self.base]
        forced = {token for token, rule in self.rules.items() if rule.force}
        return [token for token in self.tokenizer.ids if token not in own or token in forced]

    def shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape that a tensor of that name and shape has in the result."""
        return (self.rows, *shape[1:]) if has_token_rows(name) else shape


def make_vocabulary(
    recipe: Recipe,
    checkpoints: Mapping[str, Checkpoint],
    relative_to: Path,
    *,
    exact: bool = False,
) -> Vocabulary | None:
    """Return the vocabulary that a recipe asks for, or None if it names no tokenizer.

    `exact`: as mergekit 0.1.5, which with `source: base` adds new tokens to the base's own
    tokenizer, and so takes the base's spare rows, if it has any, for theirs.
    Reads tokenizers and headers, no weights. CheckpointError if a tokenizer is missing or broken.
    """
    wanted = recipe.output_tokenizer
    if wanted is None:
        return None
    references = [r for r in recipe.references() if r in checkpoints]
    base = references[0]
    read = _tokenizers(references, checkpoints)
    rows = {r: _rows(checkpoints[r]) for r in references}
    ids = {r: {t: n for t, n in read[r].ids.items() if n < rows[r]} for r in references}
    owner = None
    if wanted.source in ("base", "union"):
        tokenizer = without_rowless(read[base], rows[base])
    elif wanted.source in read:
        tokenizer = without_rowless(read[wanted.source], rows[wanted.source])
        owner = None if wanted.source == base else checkpoints[wanted.source].path
    else:
        owner = _folder(wanted.source, relative_to)
        tokenizer = read_tokenizer(owner)
    if wanted.source == "union":
        for reference in references[1:]:
            tokenizer = _united(tokenizer, read[reference], ids[reference])
    new = [token for token in wanted.tokens or {} if token not in tokenizer.ids]
    tokenizer = with_added(tokenizer, plain_tokens(new))
    if exact and wanted.source == "base":
        spare = {t: tokenizer.ids[t] for t in new if tokenizer.ids[t] < rows[base]}
        ids[base] = {**ids[base], **spare}
    for reference in references:
        if tokenizer.ids != read[reference].ids:
            _refuse_second_table(checkpoints[reference])
    found = Vocabulary(wanted, tokenizer, owner, base, ids, rows)
    _refuse_copied_tables(checkpoints[base], found)
    return found


def _refuse_copied_tables(base: Checkpoint, vocabulary: Vocabulary) -> None:
    """Refuse tables that a build copies as they are (of an extra layer), if the rows change."""
    ids, result = vocabulary.ids[base.reference], vocabulary.tokenizer.ids
    same = not vocabulary.without_base and all(ids[token] == n for token, n in result.items())
    for name, info in base.copied.items():
        if has_token_rows(name) and not (same and info.shape[0] == vocabulary.rows):
            raise CheckpointError(
                f"{base.reference!r} has {name}, which is copied, not merged, and would keep its "
                f"{info.shape[0]} rows where the result has {vocabulary.rows} or others; leave "
                "out `tokenizer`"
            )


def _tokenizers(
    references: list[str], checkpoints: Mapping[str, Checkpoint]
) -> dict[str, TokenizerFiles]:
    base = references[0]
    found: dict[str, TokenizerFiles] = {}
    for reference in references:
        folder = checkpoints[reference].path
        if reference == base or has_tokenizer(folder):
            found[reference] = read_tokenizer(folder)
        elif _rows(checkpoints[reference]) == _rows(checkpoints[base]):
            found[reference] = found[base]
        else:
            raise CheckpointError(
                f"{reference!r} has no tokenizer and another number of embedding rows than the "
                f"base {base!r}, so nobody knows what they stand for; copy its tokenizer there"
            )
    return found


def _rows(checkpoint: Checkpoint) -> int:
    rows = [t.shape[0] for n, t in checkpoint.merged.items() if has_token_rows(n)]
    if not rows:
        raise CheckpointError(
            f"{checkpoint.reference!r} has no token embedding under a known name, so its "
            "vocabulary cannot be changed; leave out `tokenizer`"
        )
    return min(rows)


def _refuse_second_table(checkpoint: Checkpoint) -> None:
    for name in checkpoint.tensors:
        if "embed_tokens_per_layer" in name:  # Gemma 3n
            raise CheckpointError(
                f"{checkpoint.reference!r} has a second table of tokens, {name}, which cannot be "
                "brought to another vocabulary; merge models of one tokenizer"
            )


def _folder(source: str, relative_to: Path) -> Path:
    try:
        return resolve(source, relative_to)
    except CheckpointError as error:
        raise CheckpointError(
            f"tokenizer: source: neither base, nor union, nor a model of the recipe: {error}"
        ) from error


def _united(tokenizer: TokenizerFiles, other: TokenizerFiles, ids: Ids) -> TokenizerFiles:
    """Return the tokenizer with the other's tokens, new ones sorted.

    What the other adds and the tokenizer merely has becomes an added token under its old id, so
    that a chat token stays one piece.
    """
    new = sorted(token for token in ids if token not in tokenizer.ids)
    entries = [other.added.get(token) or plain_tokens([token])[0] for token in new]
    entries += [
        entry
        for token, entry in sorted(other.added.items())
        if token in ids and token in tokenizer.ids and token not in tokenizer.added
    ]
    return with_added(tokenizer, entries)
