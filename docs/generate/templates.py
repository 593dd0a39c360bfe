"""From an expression that makes a message to its text, with {names} where values will stand."""

import ast
from collections.abc import Iterable, Iterator
from itertools import product

from docs.generate.sources import constants

UNNAMED = "…"
WRAPPERS = frozenset({"str", "repr", "sorted", "list", "int", "float", "one_line", "redacted_text"})
"""Functions that show their argument, more or less."""
NUMBERED = frozenset({"len", "sum"})


def texts(made: ast.expr) -> list[str]:
    """Return the texts that an expression may become; none if it is not spelt out."""
    if isinstance(made, ast.Constant):
        return [made.value] if isinstance(made.value, str) else []
    if isinstance(made, ast.JoinedStr):
        return ["".join(parts) for parts in product(*map(_part, made.values))]
    if isinstance(made, ast.IfExp):
        return [*texts(made.body), *texts(made.orelse)]
    if isinstance(made, ast.BinOp) and isinstance(made.op, ast.Add):
        left, right = texts(made.left), texts(made.right)
        return [a + b for a in left for b in right or [f"{{{placeholder(made.right)}}}"]]
    return []


def _part(part: ast.expr) -> list[str]:
    if isinstance(part, ast.FormattedValue):
        if isinstance(part.value, ast.Name) and part.value.id in constants():
            return [constants()[part.value.id]]
        short = texts(part.value) if isinstance(part.value, ast.IfExp) else []
        return short if short and all(short) else [f"{{{placeholder(part.value)}}}"]
    return texts(part)


def placeholder(value: ast.expr) -> str:
    """Return a name for what will stand in a message.

    >>> placeholder(ast.parse("', '.join(map(str, self.names))").body[0].value)
    'names'
    """
    return next((name for name in _names(value) if name not in ("self", "…")), UNNAMED)


def _names(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Name):
        yield value.id.strip("_")
    elif isinstance(value, ast.Attribute):
        yield value.attr.strip("_")
    elif isinstance(value, ast.Call):
        yield from _called(value)
    else:
        yield from _in(ast.iter_child_nodes(value))


def _called(call: ast.Call) -> Iterator[str]:
    function = call.func.attr if isinstance(call.func, ast.Attribute) else _name(call.func)
    if function == "did_you_mean":
        yield "hint"
    elif function in NUMBERED:
        yield "number"
    elif function in ("join", "map") or function in WRAPPERS:
        yield from _in(call.args[-1:])
    else:
        yield function.strip("_")


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else UNNAMED


def _in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.expr):
            yield from _names(node)
