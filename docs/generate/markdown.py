"""Markdown that a forge shows as the site does: headings, tables, code, formulas, anchors."""

import re
import textwrap
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\*<>\[\]|$])")
_FIRST = re.compile(r"^( *)(#|[-+](?=\s)|[-=](?=[-=]*$))|^( *\d+)([.)])", re.MULTILINE)
"""What begins a heading, a list or a rule where a line begins with it."""
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)


def page(title: str, *blocks: str) -> str:
    """Return a page: its title, the note that it is generated, and its blocks."""
    note = (
        "<!-- Made by `python -m docs.generate` from the declarations; change those, not this. -->"
    )
    return "\n\n".join([note, f"# {title}", *filter(None, blocks)]) + "\n"


def heading(level: int, text: str) -> str:
    """Return a heading; its anchor is what forges and MyST make of the text."""
    return f"{'#' * level} {text}"


def prose(text: str) -> str:
    """Return running text with nothing in it that Markdown would take for its own but code."""
    done, last = [], 0
    for found in _CODE.finditer(text):
        done += [_SPECIAL.sub(r"\\\1", text[last : found.start()]), found[0]]
        last = found.end()
    whole = "".join([*done, _SPECIAL.sub(r"\\\1", text[last:])])
    return _FIRST.sub(lambda m: f"{m[1] or m[3] or ''}\\{m[2] or m[4]}", whole)


def linked(text: str) -> str:
    """Return text in which files of docs/ are links, as seen from docs/reference.

    >>> linked("see docs/log.md")
    'see [docs/log.md](../log.md)'
    """
    return re.sub(r"\bdocs/([\w/-]+\.md)", r"[docs/\1](../\1)", text)


def code(text: str) -> str:
    """Return a code span, whatever quotes are in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    edge = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{edge}{space}{text}{space}{edge}"


def cell(text: str) -> str:
    """Return text that stays in its cell of a table."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; "" without rows."""
    lines = ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    rule = "|" + "|".join(" --- " for _ in head) + "|"
    return "\n".join([f"| {' | '.join(head)} |", rule, *lines]) if lines else ""


def fence(text: str, language: str = "text output") -> str:
    """Return a code block; `output` behind its language: not to be checked as a command."""
    return f"```{language}\n{text.rstrip()}\n```"


def formula(lines: Sequence[str]) -> str:
    """Return lines of LaTeX as one displayed formula, its lines one below the other."""
    whole = " \\\\\n".join(f"& {line}" for line in lines)
    return fence(f"\\begin{{aligned}}\n{whole}\n\\end{{aligned}}", "math")


def anchor(name: str) -> str:
    """Return a place that links lead to, on a forge too; the site knows it (`docs/extensions`)."""
    return f'<a id="{name}"></a>'


def slug(text: str) -> str:
    """Return what an anchor of a text is called.

    >>> slug("{file}: unknown key {key!r}")
    'file-unknown-key-key-r'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def heading_anchor(text: str) -> str:
    """Return the anchor that forges and MyST give a heading.

    >>> heading_anchor("slices[].sources[]"), heading_anchor("Keys of the file")
    ('slicessources', 'keys-of-the-file')
    """
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def docstring(text: str | None) -> str:
    """Return a docstring as Markdown: its indented parts as code, running text as it is."""
    plain = textwrap.dedent((text or "").split("\n", 1)[0] + "\n" + _rest(text or "")).strip()
    blocks = [
        fence(textwrap.dedent(block)) if block.startswith("    ") else _with_links(prose(block))
        for block in _blocks(plain)
    ]
    return "\n\n".join(blocks)


def _with_links(text: str) -> str:
    return re.sub(r"(https?://[^\s),]*[^\s),.;])", r"<\1>", text)


def _rest(text: str) -> str:
    return textwrap.dedent(text.partition("\n")[2])


def _blocks(text: str) -> list[str]:
    """Return paragraphs; indented ones that follow each other are one."""
    found: list[str] = []
    for block in re.split(r"\n[ \t]*\n", text):
        if found and block.startswith("    ") and found[-1].startswith("    "):
            found[-1] += f"\n\n{block}"
        else:
            found.append(block)
    return found
