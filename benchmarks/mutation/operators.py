"""The small faults that are planted: for one node of the syntax tree, what may stand in its place.

Left alone is what no test of behaviour should notice: texts and f-strings (messages, formats),
annotations, docstrings and decorators; `strict=` of zip and `encoding=`, which are guards.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
GUARDS = ("strict", "encoding")
_Variants = Iterator[tuple[str, ast.AST]]


@dataclass(frozen=True)
class Operator:
    """One sort of fault."""

    name: str
    variants: Callable[[ast.AST], Iterator[ast.AST]]


def variants(node: ast.AST) -> _Variants:
    """Yield (operator, what may stand in the node's place) for each fault that fits the node."""
    for operator in OPERATORS:
        for other in operator.variants(node):
            yield operator.name, ast.copy_location(other, node)


def _comparison(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            other = copy.deepcopy(node)
            other.ops[place] = COMPARISONS[type(op)]()
            yield other


def _arithmetic(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        if isinstance(node, ast.BinOp) and (_is_text(node.left) or _is_text(node.right)):
            return
        other = copy.deepcopy(node)
        other.op = ARITHMETIC[type(node.op)]()
        yield other


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def _constant(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int | float):
            yield ast.Constant(node.value + 1)


def _boolean(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BoolOp):
        other = copy.deepcopy(node)
        other.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield other


def _sign(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield copy.deepcopy(node.operand)


def _choice(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.IfExp):
        yield copy.deepcopy(node.body)
        yield copy.deepcopy(node.orelse)


def _returned(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None":
        yield ast.Return(ast.Constant(None))


def _argument(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call):
        for place, keyword in enumerate(node.keywords):
            if keyword.arg not in GUARDS:
                other = copy.deepcopy(node)
                del other.keywords[place]
                yield other


def _statement(node: ast.AST) -> Iterator[ast.AST]:
    called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    if called or isinstance(node, ast.Raise | ast.Continue | ast.Break | ast.AugAssign):
        yield ast.Pass()


OPERATORS = (
    Operator("comparison", _comparison),
    Operator("arithmetic", _arithmetic),
    Operator("constant", _constant),
    Operator("and/or", _boolean),
    Operator("sign or not", _sign),
    Operator("choice", _choice),
    Operator("return None", _returned),
    Operator("argument dropped", _argument),
    Operator("statement dropped", _statement),
)
