"""The package's source as syntax trees: its classes of errors, and its functions by name."""

import ast
import gc
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import optimerge
from optimerge.errors import OptimergeError

ROOT = Path(optimerge.__file__).parent
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file of the package."""

    path: str
    """Relative to the package."""
    tree: ast.Module

    @property
    def room(self) -> str:
        """The folder of the package that it lies in; "optimerge" for the files at its top."""
        return self.path.split("/")[0] if "/" in self.path else "optimerge"

    @property
    def module(self) -> str:
        """Its name for an import."""
        return "optimerge." + self.path.removesuffix(".py").replace("/", ".")


@cache
def sources() -> tuple[Source, ...]:
    """Return every file of the package, by path."""
    collecting = gc.isenabled()
    gc.disable()  # it would look at all trees so far again and again: seven times as long
    try:
        return tuple(map(_parsed, sorted(ROOT.rglob("*.py"))))
    finally:
        if collecting:
            gc.enable()


def _parsed(file: Path) -> Source:
    return Source(file.relative_to(ROOT).as_posix(), ast.parse(file.read_text(encoding="utf-8")))


@cache
def error_classes() -> Mapping[str, type[OptimergeError]]:
    """Return the classes of the error tree by name, the root first, then by name."""
    bases = {
        node.name: ({_last(base) for base in node.bases}, source.module)
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
    }
    known, grown = {"OptimergeError"}, True
    while grown:
        new = {name for name, (above, _) in bases.items() if above & known} - known
        known, grown = known | new, bool(new)
    return {name: getattr(importlib.import_module(bases[name][1]), name) for name in sorted(known)}


@cache
def functions() -> Mapping[str, tuple[tuple[Source, Function], ...]]:
    """Return the package's functions by name, each with its file: several may have one name."""
    found: dict[str, tuple[tuple[Source, Function], ...]] = {}
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, Function):
                found[node.name] = (*found.get(node.name, ()), (source, node))
    return found


@cache
def constants() -> Mapping[str, str]:
    """Return the text of every constant of a module whose name has one value in the package."""
    found: dict[str, set[str]] = {}
    for source in sources():
        for node in source.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                for name in map(_last, node.targets):
                    found.setdefault(name, set()).add(str(node.value.value))
    return {name: min(texts) for name, texts in found.items() if len(texts) == 1 and name.isupper()}


def calls(source: Source) -> Iterator[tuple[Function | None, ast.Call]]:
    """Yield every call of a file with the innermost function that it stands in."""
    yield from _calls(source.tree, None)


def _calls(node: ast.AST, inside: Function | None) -> Iterator[tuple[Function | None, ast.Call]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield inside, child
        yield from _calls(child, child if isinstance(child, Function) else inside)


def called(call: ast.Call) -> str:
    """Return the last part of the name of what is called; "" if it has none."""
    return _last(call.func)


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
