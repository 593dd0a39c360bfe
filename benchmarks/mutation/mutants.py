"""The mutants of a file, and a sample of them that stays the same while code is moved about.

A mutant is known by what it changes (the function, the expression before and after), not by file
and line: a file that is renamed or code that is moved keeps its mutants, and its verdicts.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mutation.operators import GUARDS, variants

_Step = tuple[str, int | None]


@dataclass(frozen=True)
class Mutant:
    """One fault in one file."""

    file: Path
    """Relative to the repository."""
    line: int
    operator: str
    key: str
    """`function: before -> after`; numbered where the same stands twice in a function."""
    where: tuple[_Step, ...]
    """Fields and places from the module down to the node."""
    variant: int
    """Which of the node's variants."""

    @property
    def name(self) -> str:
        """What lists of mutants call it: ten digits of its key's SHA-256."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:10]


def mutants_of(root: Path, file: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file, in its order.

    Args:
        root: Folder of the repository.
        file: The file, relative to it.
    """
    tree = ast.parse((root / file).read_text("utf-8"))
    seen: Counter[str] = Counter()
    for where, path in _nodes(tree, (), (tree,)):
        node = path[-1]
        for variant, (operator, other) in enumerate(variants(node)):
            key = _key(path, where, other)
            seen[key] += 1
            numbered = f"{key} #{seen[key]}" if seen[key] > 1 else key
            line: int = node.lineno  # type: ignore[attr-defined]  # nodes with variants have one
            yield Mutant(file, line, operator, numbered, where, variant)


def mutated(root: Path, mutant: Mutant) -> str:
    """Return the file's source with the fault in it."""
    tree: ast.AST = ast.parse((root / mutant.file).read_text("utf-8"))
    node = _at(tree, mutant.where)
    _, other = list(variants(node))[mutant.variant]
    _put(_at(tree, mutant.where[:-1]), mutant.where[-1], other)
    return ast.unparse(ast.fix_missing_locations(tree))


def sample(mutants: Iterable[Mutant], count: int, seed: int) -> list[Mutant]:
    """Return `count` mutants: those whose keys hash lowest, so that other code does not matter."""

    def rank(mutant: Mutant) -> str:
        return hashlib.sha256(f"{seed} {mutant.key}".encode()).hexdigest()

    return sorted(mutants, key=rank)[:count]


def _nodes(
    node: ast.AST, where: tuple[_Step, ...], path: tuple[ast.AST, ...]
) -> Iterator[tuple[tuple[_Step, ...], tuple[ast.AST, ...]]]:
    """Yield (steps to it, ancestors and itself) of each node that may be changed."""
    for name, value in ast.iter_fields(node):
        for place, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not _is_left_alone(node, name, child):
                step: tuple[_Step, ...] = (*where, (name, place))
                yield step, (*path, child)
                yield from _nodes(child, step, (*path, child))


def _is_left_alone(parent: ast.AST, field: str, node: ast.AST) -> bool:
    if field in ("annotation", "returns", "decorator_list", "exc") or isinstance(
        node, ast.JoinedStr
    ):
        return True
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    return isinstance(node, ast.keyword) and node.arg in GUARDS


def _key(path: tuple[ast.AST, ...], where: tuple[_Step, ...], other: ast.AST) -> str:
    names = [
        each.name
        for each in path
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    first = max(i for i, each in enumerate(path) if isinstance(each, ast.stmt))
    inside = not isinstance(path[first], ast.Assign | ast.AnnAssign)
    outer = path[min(first + inside, len(path) - 1)]  # of most statements what they are about
    depth = path.index(outer)
    before = ast.unparse(outer)
    after = ast.unparse(_replaced(outer, where[depth:], other))
    return f"{'.'.join(names) or 'module'}: {_line(before)} -> {_line(after)}"


def _replaced(outer: ast.AST, steps: tuple[_Step, ...], other: ast.AST) -> ast.AST:
    if not steps:
        return other
    parent = _at(outer, steps[:-1])
    old = _at(parent, steps[-1:])
    _put(parent, steps[-1], other)
    # The text is wanted, not the tree: it is put back as it was.
    text = ast.unparse(outer)
    _put(parent, steps[-1], old)
    return ast.Name(text)


def _line(text: str) -> str:
    return " ".join(text.split())


def _at(node: ast.AST, where: Iterable[_Step]) -> ast.AST:
    for name, place in where:
        value = getattr(node, name)
        node = value if place is None else value[place]
    return node


def _put(parent: ast.AST, step: _Step, new: ast.AST) -> None:
    name, place = step
    if place is None:
        setattr(parent, name, new)
    else:
        getattr(parent, name)[place] = new
