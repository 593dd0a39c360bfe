"""Benchmarks are run by hand and seldom: what they import of optimerge must still be there."""

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
MODULES = sorted(
    ".".join(file.relative_to(FOLDER.parent).with_suffix("").parts)
    for file in FOLDER.rglob("*.py")
    if file.stem != "__init__"
)


def test_there_are_benchmarks() -> None:
    assert {"benchmarks.search", "benchmarks.surfaces.merged"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_what_a_benchmark_imports_is_there(name: str) -> None:
    importlib.import_module(name)
