"""The text of a card. Names that come from elsewhere are shown as they are, never as markup."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optimerge.export.as_mergekit import mergekit_builds
from optimerge.export.card.clean import clean_text
from optimerge.export.card.figure import NAME
from optimerge.export.card.licences import Verdict
from optimerge.export.card.parents import Parent
from optimerge.export.card.scores import Measured
from optimerge.export.card.table import score_section
from optimerge.export.evidence import command, mergekit_command
from optimerge.export.recipe import is_random, task_vector_notes
from optimerge.front.markdown import escaped
from optimerge.methods.registry import method_named
from optimerge.recipe.schema import Recipe

UNCHANGED = "Nothing of it was trained: it is arithmetic on the parents' weights."


@dataclass(frozen=True)
class Facts:
    """What a card tells."""

    name: str
    recipe: Recipe
    """As others may read it: see `clean`."""
    parents: Sequence[Parent]
    digests: Mapping[str, str]
    """By what the card calls a model, what identifies its files."""
    verdict: Verdict
    versions: Mapping[str, str]
    """Of the packages that built it."""
    scores: Measured | None = None
    figure: bool = False
    note: str = ""
    """Why there are no scores, if that is worth a word."""


def card_text(facts: Facts) -> str:
    """Return the body of a card."""
    parts = [
        _head(facts),
        _models(facts),
        _scores(facts),
        ["## Licence", "", escaped(facts.verdict.said)],
        _recipe(facts),
        _again(facts),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _head(facts: Facts) -> list[str]:
    method = method_named(facts.recipe.merge_method)
    paper = f" ([paper]({method.paper}))" if method.paper.startswith("https://") else ""
    count = len(facts.parents)
    return [
        f"# {escaped(facts.name)}",
        "",
        f"A merge of {count} models by `{method.name}`{paper}: {method.summary.rstrip('.')}. Made "
        f"with optimerge {escaped(facts.versions.get('optimerge', ''))}. {UNCHANGED}",
    ]


def _models(facts: Facts) -> list[str]:
    lines = ["## Parents", "", "| model | licence |", "| :-- | :-- |"]
    notes = []
    for parent in facts.parents:
        licence = parent.said.licence
        name = _linked(parent) if parent.hub else f"{escaped(parent.shown)} (local)"
        lines.append(f"| {name} | {escaped(licence.shown) if licence else 'not known'} |")
        if not parent.hub:
            of = f"; it says that it comes from {escaped(parent.derived)}" if parent.derived else ""
            notes.append(f"`{_code(parent.shown)}` is a folder of whoever made this merge{of}.")
    return [*lines, *(["", " ".join(notes)] if notes else [])]


def _linked(parent: Parent) -> str:
    at = f" at `{parent.revision[:12]}`" if parent.revision else ""
    return f"[{parent.hub}](https://huggingface.co/{parent.hub}){at}"


def _scores(facts: Facts) -> list[str]:
    if facts.scores is None:
        said = facts.note or "None are known: this recipe comes from no search."
        return ["## Scores", "", escaped(said)]
    lines = ["## Scores", "", *score_section(facts.scores)]
    if facts.figure:
        said = "The front of the search, on search scores; the star is this model"
        lines += ["", f"![{said}]({NAME})", "", f"*{said}.*"]
    return lines


def _recipe(facts: Facts) -> list[str]:
    text = clean_text(facts.recipe).rstrip("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return ["## Recipe", "", f"{fence}yaml", text, fence]


def _again(facts: Facts) -> list[str]:
    recipe = facts.recipe
    method, block = method_named(recipe.merge_method), recipe.block
    local = [parent.shown for parent in facts.parents if not parent.hub]
    lines = ["## How to make it again", ""]
    where = "Save the recipe above as `recipe.yaml`"
    if local:
        names = ", ".join(f"`{_code(name)}`" for name in local)
        where += f", beside the folders {names}"
    lines += [f"{where}, and run", "", "```sh", command(block)]
    theirs = mergekit_builds(recipe)
    if theirs and not block.task_vectors:
        lines.append(f"# or: {mergekit_command(block.seed if is_random(method) else None)}")
    lines += ["```", ""]
    if theirs and method.stochastic and block.mode != "exact":
        lines += [
            "mergekit draws other random masks from that seed: a sister of this model, not itself.",
            "",
        ]
    notes = [escaped(note) for note in task_vector_notes(recipe) if note]
    lines += [*notes, ""] if notes else []
    versions = ", ".join(f"{escaped(n)} {escaped(v)}" for n, v in facts.versions.items())
    lines += [f"Built with {versions}. Digests of the parents (config and weights):", ""]
    lines += [f"- `{_code(name)}`: `{digest}`" for name, digest in facts.digests.items()]
    return lines


def _code(text: str) -> str:
    """Return a text for between backticks: a name holds none."""
    return re.sub(r"[`\s]+", " ", text).strip()
