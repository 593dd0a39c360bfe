"""The page of the merge methods."""

import inspect
import sys
from collections.abc import Iterable

from docs.generate.markdown import code, fence, formula, heading, page, prose, table
from optimerge.methods.formulas import LETTERS
from optimerge.methods.protocol import MergeMethod, Parameter, Required
from optimerge.methods.registry import all_methods

INTRODUCTION = """\
Every method of the package, from its own declaration: the file `optimerge/methods/NAME.py`.
`optimerge methods NAME` prints the same. A method merges the tensors of one name at a time, and
knows nothing of the others. In all formulas"""

AFTER = """\
Operations on tensors are entry by entry where nothing else is said; norms and scalar products run
over the whole tensor. What becomes of illegal numbers, zeros, ties and dtypes stands in each
method's text, "in detail".

*Equal to mergekit* means: tensor for tensor, in exact mode, with `mergekit-yaml` 0.1.5
([how equal](../../tests/data/golden/README.md)). A recipe with a method that mergekit lacks is
built by `optimerge build` alone."""

BASES = {
    "required": "needs a base model",
    "optional": "with or without a base model",
    "ignored": "no base model: one that is named is one more input",
}
LOCALITIES = {
    "entry": "each entry is merged on its own",
    "row": "each row is merged on its own",
    "tensor": "an entry may depend on the whole tensor",
}


def methods() -> str:
    """Return the page."""
    known = own_methods()
    return page(
        "Merge methods",
        INTRODUCTION,
        formula([rf"{letter}: \ \text{{{text}}}" for letter, text in LETTERS.items()]),
        AFTER,
        _overview(known),
        *(block for method in known for block in _section(method)),
    )


def own_methods() -> list[MergeMethod]:
    """Return the package's own methods: plug-ins that are installed have pages of their own."""
    return [m for m in all_methods().values() if _home(m).startswith("optimerge.methods.")]


def _overview(known: Iterable[MergeMethod]) -> str:
    rows = (
        (
            f"[{m.name}](#{m.name})",
            prose(m.summary),
            m.base,
            "yes" if m.mergekit else "beyond it",
        )
        for m in known
    )
    return table(("method", "does", "base", "in mergekit"), rows)


def _section(method: MergeMethod) -> list[str]:
    text = inspect.cleandoc(sys.modules[_home(method)].__doc__ or "")
    return [
        heading(2, method.name),
        f"{_sentence(method.summary)} Source: <{method.paper}>.",
        f"**When to use it:** {prose(method.use)}",
        formula(method.formula),
        _traits(method),
        parameters(method.parameters) or "It has no parameters.",
        f"<details>\n<summary>In detail</summary>\n\n{fence(text)}\n\n</details>",
    ]


def _home(method: MergeMethod) -> str:
    return method.kernel.__module__


def _sentence(summary: str) -> str:
    text = prose(summary)
    return f"{text[:1].upper()}{text[1:]}."


def _traits(method: MergeMethod) -> str:
    said = [
        f"equal to mergekit's {code(method.name)}" if method.mergekit else "not in mergekit",
        BASES[method.base],
        inputs(method),
        *order(method),
        LOCALITIES[method.locality],
        "random masks: another seed gives another merge" if method.stochastic else "deterministic",
        "fused: merged in one pass over memory" if method.form else "merged by tensor operations",
        *(f"needs `optimerge calibrate` ({kind})" for kind in method.statistics),
    ]
    known = "; ".join(
        ", ".join(f"{name} {value:g}" for name, value in numbers.items())
        for numbers in method.known_good
    )
    lines = [f"- {line[:1].upper()}{line[1:]}." for line in said]
    return "\n".join([*lines, *([f"- A search tries early: {known}."] if known else [])])


def order(method: MergeMethod) -> list[str]:
    """Return whether the order of the models matters, if there can be two of them."""
    if method.most_inputs == 1:
        return []
    return [f"the order of the models {'does not matter' if method.symmetric else 'matters'}"]


def inputs(method: MergeMethod) -> str:
    """Return how many models a method takes."""
    least, most = method.least_inputs, method.most_inputs
    count = str(least) if least == most else f"{least} or more" if most is None else f"1 to {most}"
    what = "models" if method.base == "ignored" else "models beside the base"
    return f"{count} {what if count != '1' else what.replace('models', 'model', 1)}"


def parameters(declared: Iterable[Parameter]) -> str:
    """Return the table of a method's parameters; "" if it has none."""
    rows = (
        (
            code(p.name),
            prose(p.help),
            default(p),
            legal(p),
            "" if p.usual is None else f"{p.usual[0]:g} to {p.usual[1]:g}",
            "each model" if p.per_input else "all models",
        )
        for p in declared
    )
    return table(("parameter", "meaning", "default", "legal", "usual range", "one for"), rows)


def default(parameter: Parameter) -> str:
    """Return a parameter's default as people read it."""
    value = parameter.default
    if isinstance(value, Required):
        return "required"
    if isinstance(value, bool):
        return code(str(value).lower())
    return "none" if value is None else code(f"{value:g}")


def legal(parameter: Parameter) -> str:
    """Return the values that a parameter may have."""
    if parameter.kind == "boolean":
        return "`true`, `false`"
    low, high = parameter.low, parameter.high
    what = "whole number" if parameter.kind == "integer" else "number"
    if low == float("-inf") and high == float("inf"):
        return f"any {what}"
    if high == float("inf"):
        return f"{what} ≥ {low:g}"
    return f"{what} ≤ {high:g}" if low == float("-inf") else f"{what}, {low:g} to {high:g}"
