"""The recipe's `optimerge:` block: how it was scored, with what, and what came out.

mergekit ignores it. `mode`, `seed`, `statistics` and `task_vectors` decide what
`optimerge build` makes of the recipe; all the others are evidence: what a model card, an
evaluation and a reader want to know, none of it decides what is built. Every key may be left out.

A recipe may come from a stranger. Each value is of its kind or refused, and texts are one line
that can be printed; they are text all the same: who puts them into Markdown or HTML escapes them,
and nobody runs `command`.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from optimerge.recipe.strict import Strict

LONGEST_LINE = 2000


def _printable(text: str) -> str:
    if len(text) > LONGEST_LINE or not text.isprintable():
        raise ValueError(f"must be one line of at most {LONGEST_LINE} printable characters")
    return text


Line = Annotated[str, AfterValidator(_printable)]
"""Text without control characters; empty is allowed."""
Digest = Annotated[str, Field(pattern="^[0-9a-f]{8,128}$")]
"""Hexadecimal."""
Number = Annotated[float, Field(strict=True)]
"""A number, no text and no switch; may be infinite, as a perplexity may be."""
Whole = Annotated[int, Field(strict=True)]


def _trial(given: Any) -> int | str | None:
    if given is None:
        return None
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if isinstance(given, str):
        return _printable(given)
    raise ValueError("must be a trial's number, or a name")


class Scored(Strict):
    """What one objective made of the merge: `records.types.Score` without its seconds."""

    value: Number
    """In the objective's own unit: what people read, never a loss."""
    direction: Literal["maximize", "minimize"]
    """Whether more or less is better."""
    stderr: Annotated[Number, Field(ge=0)] | None = None
    """Standard error over items; 0 for exact objectives, None where it is unknown."""
    items: Annotated[Whole, Field(ge=0)] = 0
    """Documents scored; 0 for objectives that score no documents."""


class Parent(Strict):
    """One model of the recipe as it was when the run was started."""

    given: Line | None = None
    """What the search space calls it; None: as the recipe does."""
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None = None
    """Commit of the Hub that was merged; None: a local folder, or not recorded."""
    files: dict[Line, Digest] = {}
    """Of each file that makes the model 32 hex digits: `checkpoint.digest.part_digests`, and of
    those whose tokenizer counts `text_digests`."""


class OptimergeBlock(Strict):
    """How optimerge scored this recipe, so that it rebuilds the same tensors; and the evidence."""

    mode: Literal["fast", "exact"] = "fast"
    """exact: as mergekit merges, its random stream included."""
    seed: int = 0
    """Of random masks."""
    statistics: dict[str, Annotated[str, Field(min_length=1)]] = {}
    """Folder of each model that `optimerge calibrate` wrote, for the methods that need one."""
    task_vectors: Literal["int8"] | None = None
    """int8: experts are taken as int8 steps from the base; None: as they are in their files."""
    run: Line | None = None
    """Name of the run's folder."""
    trial: Annotated[int | str | None, BeforeValidator(_trial)] = None
    """Number of the trial, or the name of a parent or a soup."""
    version: str | None = None
    """Of the optimerge that scored it."""
    method_package: Line | None = None
    """Of a method that an installed package adds: the package, its version, a digest of the file
    with the method's kernel."""
    scored_as: Line | None = None
    """The merge method that was scored, where the recipe is written with another that gives the
    same tensors (mergekit lacks the first)."""
    scores: dict[Line, Scored] = {}
    """By objective, on the search items: flattered, the winner was chosen by them."""
    test_scores: dict[Line, Scored] = {}
    """By objective, on the test items, which the search never saw; {}: not tested yet."""
    constraints: dict[Line, Number] = {}
    """By constraint (`gsm8k >= 0.5`) how far beyond its limit the trial is; kept if <= 0."""
    items: dict[Line, Digest] = {}
    """By objective the digest of its search and test items."""
    search_seed: Whole | None = None
    """The seed of the search: items are drawn by it."""
    plan: Line | None = None
    """How log-likelihoods were run (it decides the batches, and so the last bits of scores)."""
    versions: dict[Line, Line] = {}
    """Of the packages that the run was started with, by name."""
    parents: dict[Line, Parent] = {}
    """By the reference that the recipe uses; one that it does not use says nothing."""
    command: Line | None = None
    """The command line that rebuilds it, with the recipe called recipe.yaml."""
