"""Which small faults are planted in a source, how they are called, and how a sample is drawn."""

import ast
from pathlib import Path

import pytest

from benchmarks.mutation.mutants import Mutant, mutants_of, mutated, sample

FILE = Path("room/file.py")


def planted(folder: Path, source: str) -> list[str]:
    """Return the source with each fault in it, a line a fault."""
    return ["; ".join(mutated(folder, each).splitlines()) for each in found(folder, source)]


def found(folder: Path, source: str, file: Path = FILE) -> list[Mutant]:
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(source)
    return list(mutants_of(folder, file))


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("a < b <= c", ["a <= b <= c", "a < b < c"]),
        ("a is not b", ["a is b"]),
        ("a not in b", ["a in b"]),
        ("a == b", ["a != b"]),
        ("a + b", ["a - b"]),
        ("a // b", ["a * b"]),
        ("a += b", ["a -= b", "pass"]),
        ("a and b", ["a or b"]),
        ("not a", ["a"]),
        ("-a", ["a"]),
        ("3", ["4"]),
        ("0.5", ["1.5"]),
        ("True", ["False"]),
        ("a if b else c", ["a", "c"]),
        ("f(a, b=c)", ["pass", "f(a)"]),
        ("x = f(b=c, d=e)", ["x = f(d=e)", "x = f(b=c)"]),
        ("raise", ["pass"]),
    ],
)
def test_faults_are_small(tmp_path: Path, source: str, wanted: list[str]) -> None:
    assert planted(tmp_path, source) == wanted


@pytest.mark.parametrize(
    "source",
    [
        "'text'",
        "'a %d' + b",
        "f'{a + 1} {b < c}'",
        "x: Annotated[int, 3]",
        "raise ValueError(f'{a + 1}')",
        "zip(a, b, strict=True)",
        "p.read_text(encoding='utf-8')",
        "if TYPE_CHECKING:\n    x = 3",
        "@dataclass(frozen=True)\nclass A:\n    'Text.'",
        "def f(a: int = b) -> 'Literal[3]':\n    'Text.'\n    return None",
    ],
)
def test_texts_types_and_guards_are_left_alone(tmp_path: Path, source: str) -> None:
    assert [text for text in planted(tmp_path, source) if not text.endswith("pass")] == []


def test_a_fault_is_named_by_what_it_changes_not_by_where_it_stands(tmp_path: Path) -> None:
    function = "def f(a):\n    if a > 1:\n        return a\n    return 0\n"
    first = found(tmp_path, function)
    moved = found(tmp_path, f"import os\n\n\n{function}", Path("room/other.py"))
    assert [each.key for each in first] == [
        "f: a > 1 -> a >= 1",
        "f: a > 1 -> a > 2",
        "f: return a -> return None",
        "f: return 0 -> return None",
        "f: 0 -> 1",
    ]
    assert [each.name for each in moved] == [each.name for each in first]
    assert [each.line for each in first] == [2, 2, 3, 4, 4]
    assert [each.line for each in moved] == [5, 5, 6, 7, 7]


def test_the_same_fault_twice_in_a_function_has_two_names(tmp_path: Path) -> None:
    names = [each.name for each in found(tmp_path, "def f():\n    g(1)\n    g(1)\n")]
    assert len(set(names)) == len(names) == 4


def test_only_the_one_place_is_changed(tmp_path: Path) -> None:
    source = "def f(a, b):\n    return g(a + b, [x + 1 for x in a if x])\n"
    for text in planted(tmp_path, source):
        assert ast.unparse(ast.parse(source)) != text
        assert text.count("+") in (0, 1, 2)
    assert "def f(a, b):;     return g(a + b, [x + 2 for x in a if x])" in planted(tmp_path, source)


def test_a_sample_keeps_its_faults_when_others_come(tmp_path: Path) -> None:
    few = found(tmp_path, "".join(f"def f{i}(a):\n    return a + {i}\n" for i in range(20)))
    more = [*few, *found(tmp_path, "def g(a):\n    return a * 3\n", Path("room/other.py"))]
    chosen = [each.key for each in sample(few, 10, seed=0)]
    assert len([key for key in chosen if key in {m.key for m in sample(more, 10, 0)}]) >= 7
    assert chosen == [each.key for each in sample(reversed(few), 10, seed=0)]
    assert chosen != [each.key for each in sample(few, 10, seed=1)]
