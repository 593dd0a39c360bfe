"""Text from declarations stays text in Markdown."""

import pytest
from markdown_it import MarkdownIt
from pydantic import BaseModel, Field

from docs.generate.markdown import (
    anchor,
    cell,
    code,
    docstring,
    formula,
    heading_anchor,
    prose,
    table,
)
from docs.generate.pages import FOLDER, PAGES
from docs.generate.samplers import source
from docs.generate.type_names import type_name
from optimerge.space.objective_kinds.settings import ObjectiveSettings


def shown(markdown: str) -> str:
    """Return the text that a reader sees."""
    tokens = MarkdownIt().enable("table").parse(markdown)
    return "".join(part.content for token in tokens for part in token.children or ())


@pytest.mark.parametrize(
    "text",
    [
        "a * b * c",
        "<none> of [these](x)",
        "a | b",
        "$X and $Y",
        "back\\slash",
        "snake_case_",
        "# a: b",
        "- a",
        "+ a",
        "1. a",
        "2) a",
        "> a",
    ],
)
def test_running_text_is_shown_as_it_is(text: str) -> None:
    assert shown(prose(text)) == text


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_one_title(name: str) -> None:
    tokens = MarkdownIt().parse((FOLDER / name).read_text())
    assert [t.tag for t in tokens if t.type == "heading_open"].count("h1") == 1


@pytest.mark.parametrize("text", ["a\n---", "a\n==="])
def test_lines_are_no_underlines_of_headings(text: str) -> None:
    assert MarkdownIt().parse(prose(text))[0].type == "paragraph_open"


def test_code_in_running_text_stays_code() -> None:
    assert prose("give `a * b`, not a * b") == r"give `a * b`, not a \* b"


@pytest.mark.parametrize("text", ["plain", "run `this` now", "``two``"])
def test_code_may_hold_quotes(text: str) -> None:
    assert shown(code(text)) == text


def test_a_cell_keeps_its_bars() -> None:
    assert cell("a | b\nc") == r"a \| b c"
    assert shown(table(("x", "y"), [("a|b", "c")])) == "xya|bc"
    assert table(("x",), []) == ""


def test_examples_in_docstrings_become_code() -> None:
    found = docstring("Says it.\n\nLike this\n\n    a: 1\n\n    b: *2*\n\nand goes on <here>.")
    assert found == (
        "Says it.\n\nLike this\n\n```text output\na: 1\n\nb: *2*\n```\n\nand goes on \\<here\\>."
    )


def test_formulas_have_a_line_each() -> None:
    assert formula(["y = x", "z = y"]).splitlines()[2:4] == [r"& y = x \\", "& z = y"]


def test_anchors_are_those_of_forges() -> None:
    assert heading_anchor("`search.racing` of A-B") == "searchracing-of-a-b"
    assert anchor("x") == '<a id="x"></a>'


def test_papers_become_links() -> None:
    assert source("A 2024, arXiv:2405.07813.") == (
        "A 2024, [arXiv:2405.07813](https://arxiv.org/abs/2405.07813)."
    )


def test_types_are_said_in_words() -> None:
    class Block(BaseModel):
        share: float | None = Field(None, gt=0, le=1)
        names: list[str] = []
        both: tuple[int, int] = (0, 1)
        goals: list[ObjectiveSettings] = []

    fields = Block.model_fields
    assert type_name(fields["share"]) == "number > 0 and ≤ 1"
    assert type_name(fields["names"]) == "list of texts"
    assert type_name(fields["both"]) == "[whole number, whole number]"


def test_a_type_without_words_is_refused() -> None:
    class Block(BaseModel):
        odd: complex = 0j

    with pytest.raises(TypeError, match="has no words for"):
        type_name(Block.model_fields["odd"])
