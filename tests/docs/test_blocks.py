"""Every code block of the documentation is checked by what it claims to be."""

import ast
import importlib
import json
import tomllib
from collections import Counter
from pathlib import Path

import click
import pytest
from doc_blocks import (
    EXAMPLES,
    ROOT,
    Block,
    blocks,
    blocks_of,
    check_command,
    commands_in,
    links_of,
    named_options,
    pages,
    prose,
    slugs,
    spaces_of,
)

from optimerge.api.run import Run
from optimerge.cli.main import cli
from optimerge.errors import OptimergeError

SHELL = ("sh", "text")
KINDS = {"yaml", "python", "toml", "json", "math", "{toctree}", "{eval-rst}", *SHELL}
REFERENCE = ROOT / "docs" / "reference"
UNCHECKED: dict[str, int] = {}
"""How many blocks a page has that nothing can check."""
VERBATIM = [file.read_text() for file in EXAMPLES]
"""Checked where they stand: tests/docs/test_examples.py."""


def of(*kinds: str) -> list[Block]:
    known = [b for b in blocks() if b.kind in kinds and b.how not in ("unchecked", "output")]
    return [b for b in known if b.text not in VERBATIM]


def test_blocks_are_found_and_every_one_says_what_it_is() -> None:
    assert len(blocks()) > 40
    own = [b for b in blocks() if not b.kind.startswith("{")]  # directives: Sphinx reads them
    assert not [str(b) for b in own if b.kind not in KINDS]
    assert {b.how for b in own} <= {"", "compiled", "unchecked", "output"}


def test_blocks_that_nothing_checks_are_counted() -> None:
    assert Counter(b.file for b in blocks() if b.how == "unchecked") == UNCHECKED


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_python_compiles_and_names_what_there_is(block: Block) -> None:
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("optimerge."):
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "optimerge":
                assert hasattr(importlib.import_module("optimerge"), node.attr)
            if node.value.id == "run" and "load_run" in block.text:
                assert hasattr(Run, node.attr)


@pytest.mark.parametrize("block", of("yaml"), ids=str)
def test_yaml_is_a_search_space_or_a_part_of_one(block: Block) -> None:
    for space in spaces_of(block.text):
        assert space.methods


@pytest.mark.parametrize(
    "text", ["weight: {low: 0, hihg: 1}\n", "search: {sampler: auto, tirals: 3}\n"]
)
def test_yaml_that_is_none_is_seen(text: str) -> None:
    with pytest.raises(OptimergeError):
        list(spaces_of(text))


def test_data_can_be_read() -> None:
    for block in of("toml", "json"):
        assert {"toml": tomllib.loads, "json": json.loads}[block.kind](block.text), str(block)


@pytest.mark.parametrize("block", of(*SHELL), ids=str)
def test_commands_are_such_as_optimerge_takes(block: Block) -> None:
    for words in commands_in(block.text):
        check_command(words)


def test_a_command_that_is_none_is_seen() -> None:
    [words] = commands_in("optimerge export runs/mine --pic knee   the recipe")
    assert words == ["optimerge", "export", "runs/mine", "--pic", "knee"]
    with pytest.raises(click.UsageError, match="--pic"):
        check_command(words)


@pytest.mark.parametrize("block", of(*SHELL), ids=str)
def test_other_lines_of_shell_blocks_start_what_there_is(block: Block) -> None:
    for line in block.text.replace("\\\n", " ").splitlines():
        words = line.split()
        if words[:1] == ["python"] and words[1] != "-m":
            assert (ROOT / words[1]).is_file(), line
        elif "optimerge " in line and not line.lstrip().startswith(("pip", "#")):
            assert list(commands_in(line)), line


def test_every_text_block_holds_a_command_or_says_that_it_is_output() -> None:
    silent = [str(b) for b in of("text") if "optimerge" not in b.text and "python" not in b.text]
    assert not silent


@pytest.mark.parametrize("page", [p for p in pages() if p != "docs/log.md"])
def test_options_that_a_sentence_names_are_there(page: str) -> None:
    for name, option in named_options((ROOT / page).read_text()):
        known = {o for p in cli.commands[name].params for o in (*p.opts, *p.secondary_opts)}
        assert not option or option in known | {"--help"}, f"{name} {option}"


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page: str) -> None:
    for link in links_of((ROOT / page).read_text()):
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        if target.parent == REFERENCE and not REFERENCE.exists():
            continue  # made from the package; not in every checkout
        assert target.exists(), link
        if anchor:
            assert anchor in slugs(target.read_text()), link


def test_a_link_that_leads_nowhere_would_be_seen() -> None:
    assert list(links_of("[a](b.md#c), ![d](e.png), [f](https://example.org), `[g](h)`")) == [
        "b.md#c",
        "e.png",
        "h",
    ]
    assert slugs("# One, two\n## `a` b-c\n```text\n# no\n```\n") == {"one-two", "a-b-c"}


def test_pages_are_read_as_they_are_written() -> None:
    page = "a\n```yaml part\nb: 1\n```\nc\n"
    assert [(b.line, b.kind, b.how, b.text) for b in blocks_of(page, "x.md")] == [
        (2, "yaml", "part", "b: 1\n")
    ]
    assert prose(page) == "a\nc"
    assert Path(ROOT / "README.md").exists()
