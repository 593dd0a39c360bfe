"""Every message that the package has for bad input, collected from its source.

A message is the text that an error of the tree is made with. Where that is no text but a call, or
a variable that holds the result of one, the texts that the called function returns are taken; and
likewise for what stands inside of a text. The checks of the file formats raise ValueError, which
becomes a RecipeError when a file is read.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from docs.generate.sources import Function, Source, called, calls, error_classes, functions, sources
from docs.generate.templates import texts

CHECKS = {"ValueError": ("recipe", "space"), "LimitError": ("recipe",)}
"""Errors outside of the tree by the rooms in which they say what is wrong with a file."""
CLICK = frozenset({"BadParameter", "UsageError", "ClickException"})
BECOMES = "RecipeError"
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


def messages() -> list[Message]:
    """Return all messages, each once a file, in the order of their text."""
    found = {
        Message(" ".join(text.split()), source.room, source.path, error)
        for source in sources()
        for inside, call in calls(source)
        if (error := _error(source, call))
        for text in _texts(call, inside)
        if _is_whole(text)
    }
    return sorted(found)


def _is_whole(text: str) -> bool:
    """Whether a text is more than a word or the tail of a sentence."""
    return len(text) >= SHORTEST and " " in text.strip() and text[0] not in ",;: "


def _error(source: Source, call: ast.Call) -> str:
    """Return the class of the error that a call makes; "" if it makes none."""
    name = called(call)
    if name in error_classes() or name in CLICK:
        return name
    return BECOMES if source.room in CHECKS.get(name, ()) else ""


def _texts(call: ast.Call, inside: Function | None) -> Iterator[str]:
    for argument in call.args:
        yield from _said(argument, inside, frozenset())


def _said(value: ast.expr, inside: Function | None, seen: frozenset[str]) -> Iterator[str]:
    """Yield the texts of an expression, and of what is called in it."""
    spelt = texts(value)
    yield from spelt
    for part in ast.walk(value):
        if isinstance(part, ast.Call) and (name := called(part)) not in seen:
            for function in _telling(name):
                for each in _returned(function):
                    yield from _said(each, function, seen | {name})
        elif isinstance(part, ast.Name) and inside and part.id not in seen:
            for each in _assigned(part.id, inside):
                if isinstance(each, ast.Call) or not spelt:
                    yield from _said(each, inside, seen | {part.id})


def _telling(name: str) -> tuple[Function, ...]:
    """Return the functions of a name that return texts; none of a name that many have."""
    found = tuple(f for f in functions().get(name, ()) if _returns_text(f))
    return found if len(found) == 1 else ()


def _returns_text(function: Function) -> bool:
    said = ast.unparse(function.returns) if function.returns else ""
    return "str" in said.split(" | ")


def _returned(function: Function) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value


def _assigned(name: str, inside: Function) -> Iterator[ast.expr]:
    for node in ast.walk(inside):
        if isinstance(node, ast.Assign | ast.NamedExpr):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                yield node.value
