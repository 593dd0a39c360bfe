"""Docstrings for autodoc: the package writes code in single backticks, and indents examples.

Both are Markdown's way; reStructuredText wants double backticks, and `::` before an example. The
sections of Google's style are napoleon's, which comes after this.
"""

import re
from typing import Any

from sphinx.application import Sphinx

CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)(?=(\w?))")
EXAMPLE = re.compile(r"(?m)^(\S.*\n)\n(?= {4})")
BEFORE_NAPOLEON = 100


def process(
    app: Sphinx, what: str, name: str, found: object, options: object, lines: list[str]
) -> None:
    """Change a docstring's lines in place."""
    text = CODE.sub(_literal, "\n".join(lines).replace("|", r"\|"))
    text = EXAMPLE.sub(r"\1\n::\n\n", text)
    if what in ("attribute", "property") and text:
        # Of an attribute napoleon takes what stands before the first colon for its type.
        text = f": {text}"
    lines[:] = text.split("\n")


def _literal(code: re.Match[str]) -> str:
    """Return a literal in one line; one that a letter follows needs an invisible end."""
    inside = " ".join(code[1].split()).replace(r"\|", "|")
    return f"``{inside}``" + ("\\ " if code[2] else "")


def setup(app: Sphinx) -> dict[str, Any]:
    """Announce it."""
    app.connect("autodoc-process-docstring", process, priority=BEFORE_NAPOLEON)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
