"""Whoever silences a checker says why, on the line or in the comment above it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SILENCED = re.compile(r"#\s*(?:type: ignore(?:\[[\w-]+\])?|noqa(?:: [A-Z0-9, ]+)?)(.*)$")


def unexplained(source: str) -> Iterator[int]:
    """The numbers of the lines that silence a checker without a word."""
    above = ""
    for number, line in enumerate(source.splitlines(), 1):
        found = SILENCED.search(line)
        if found and len(found[1].strip(" #-()")) < 5 and not above.lstrip().startswith("# "):
            yield number
        above = line


def test_every_ignore_has_a_reason() -> None:
    files = [f for top in ("optimerge", "benchmarks", "docs") for f in (ROOT / top).rglob("*.py")]
    found = {str(f.relative_to(ROOT)): list(unexplained(f.read_text())) for f in files}
    assert len(files) > 600
    assert {file: lines for file, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("x = f()  # type: ignore[no-any-return]", [1]),
        ("x = 1\nimport y  # noqa: E402", [2]),
        ("import y  # noqa: E402  # after the path is set", []),
        ("# Optuna names a Generator.\nx = f()  # type: ignore[override]", []),
        ("import y  # noqa: SIM115 - closed by `end`", []),
    ],
)
def test_the_probe_above_sees_it(source: str, lines: list[int]) -> None:
    assert list(unexplained(source)) == lines
