"""The table of faults names tests that are there, and every fault of it has one."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "faults.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
COLUMNS = 5


def functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def missing(text: str) -> list[str]:
    """Return what a text names that is no test."""
    return [
        f"{file}::{function}"
        for file, function in NAMED.findall(text)
        if not (ROOT / file).is_file()
        or (function and not (function.startswith("test_") and function in functions(ROOT / file)))
    ]


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_every_test_that_is_named_is_there() -> None:
    assert not missing(TEXT)


def test_every_fault_says_how_what_and_where() -> None:
    found = rows(TEXT)
    assert len(found) >= 20
    for row in found:
        assert len(row) == COLUMNS, row
        assert all(row)
        assert NAMED.search(row[-1]), row
        assert not NAMED.sub("", row[-1]).strip(), row  # no name that is written otherwise


def test_a_name_that_is_wrong_is_found() -> None:
    assert missing("`tests/house/test_faults.py::test_nothing_of_the_kind`")
    assert missing("`tests/house/test_none.py`")
    assert not missing("`tests/house/test_faults.py::test_a_name_that_is_wrong_is_found`")
