"""Every message that the package has for bad input, collected from its source.

A message is the text that an error of the tree is made with. Where that is no text but a call, or
a variable that holds the result of one, the texts that the called function returns are taken; and
likewise for what stands inside of a text. The checks of the file formats raise ValueError, which
becomes a RecipeError when a file is read. The refusals of merge methods are functions that return
a text, or None.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from docs.generate.sources import Function, Source, called, calls, error_classes, functions, sources
from docs.generate.templates import texts

CHECKS = {"ValueError": ("recipe", "space"), "LimitError": ("recipe",)}
"""Errors outside of the tree by the rooms in which they say what is wrong with a file."""
CLICK = frozenset({"BadParameter", "UsageError", "ClickException"})
BECOMES = "RecipeError"
REFUSALS, REFUSES = "methods", "str | None"
"""The room of the refusals, and what they return."""
SHORTEST = 12
"""Characters; what is shorter is a word in a message, and none."""


@dataclass(frozen=True, order=True)
class Message:
    """One message."""

    text: str
    """With {names} where values stand."""
    room: str
    file: str
    """Relative to the package."""
    error: str
    """The class of the error tree, or of click."""


@cache
def messages() -> tuple[Message, ...]:
    """Return all messages, each once a file, in the order of their text."""
    found = {
        Message(" ".join(text.split()), source.room, source.path, error)
        for source in sources()
        for error, text in (*_made(source), *_refused(source))
        if _is_whole(text)
    }
    return tuple(sorted(found))


def _made(source: Source) -> Iterator[tuple[str, str]]:
    """Yield the class and the texts of every error that a file makes."""
    for inside, call in calls(source):
        if error := _error(source, call):
            for argument in call.args:
                yield from ((error, text) for text in _said(argument, source, inside, frozenset()))


def _refused(source: Source) -> Iterator[tuple[str, str]]:
    for node in ast.walk(source.tree) if source.room == REFUSALS else ():
        if isinstance(node, Function) and node.returns and ast.unparse(node.returns) == REFUSES:
            yield from (("MethodError", text) for each in _returned(node) for text in texts(each))


def _is_whole(text: str) -> bool:
    """Whether a text is more than a word or the tail of a sentence."""
    return len(text) >= SHORTEST and " " in text.strip() and text[0] not in ",;: "


def _error(source: Source, call: ast.Call) -> str:
    """Return the class of the error that a call makes; "" if it makes none."""
    name = called(call)
    if name in error_classes() or name in CLICK:
        return name
    return BECOMES if source.room in CHECKS.get(name, ()) else ""


def _said(
    value: ast.expr, source: Source, inside: Function | None, seen: frozenset[str]
) -> Iterator[str]:
    """Yield the texts of an expression, and of what is called in it."""
    spelt = texts(value)
    yield from spelt
    for part in ast.walk(value):
        if isinstance(part, ast.Call) and (name := called(part)) not in seen:
            for home, function in _telling(name, source):
                for each in _returned(function):
                    yield from _said(each, home, function, seen | {name})
        elif isinstance(part, ast.Name) and inside and part.id not in seen:
            for each in _assigned(inside).get(part.id, ()):
                if isinstance(each, ast.Call) or not spelt:
                    yield from _said(each, source, inside, seen | {part.id})


def _telling(name: str, source: Source) -> list[tuple[Source, Function]]:
    """Return the function of a name that returns text: the file's own, else the only one."""
    found = [(home, f) for home, f in functions().get(name, ()) if _returns_text(f)]
    own = [(home, f) for home, f in found if home is source]
    return own or (found if len(found) == 1 else [])


def _returns_text(function: Function) -> bool:
    said = ast.unparse(function.returns) if function.returns else ""
    return "str" in said.split(" | ")


def _returned(function: Function) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value


@cache
def _assigned(inside: Function) -> dict[str, list[ast.expr]]:
    """Return what a function gives its variables, by name."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(inside):
        if isinstance(node, ast.Assign | ast.NamedExpr):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found
