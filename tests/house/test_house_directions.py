"""Directions are turned in one place: `optimerge.front.losses`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import optimerge

ROOT = Path(optimerge.__file__).parent
WORDS = {"maximize", "minimize"}


def compared(source: str) -> Iterator[str]:
    """The comparisons of something with one direction; `in` a set of both is a check of input."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and any(
            one_direction(part) for part in (node.left, *node.comparators)
        ):
            yield ast.unparse(node)


def one_direction(node: ast.expr) -> bool:
    """Whether it is a direction, or a list, tuple or set of that alone."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return len(node.elts) == 1 and one_direction(node.elts[0])
    return isinstance(node, ast.Constant) and node.value in WORDS


def test_nobody_else_asks_whether_a_direction_is_maximize() -> None:
    found = {
        file.relative_to(ROOT).as_posix(): each
        for file in ROOT.rglob("*.py")
        for each in compared(file.read_text(encoding="utf-8"))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "a.direction == 'maximize'",
        "x if 'minimize' != way else y",
        "f(d == 'minimize')",
        "[s.direction for s in scores] != ['minimize']",
        "(d,) == ('maximize',)",
        "d in {'maximize'}",
    ],
)
def test_the_probe_above_sees_it(source: str) -> None:
    assert list(compared(source))


@pytest.mark.parametrize("source", ["d in ('maximize', 'minimize')", "way = 'maximize'"])
def test_the_probe_above_sees_nothing_else(source: str) -> None:
    assert not list(compared(source))
