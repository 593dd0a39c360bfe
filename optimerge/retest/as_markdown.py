"""A verdict as Markdown: for a model card, an issue, a note."""

from collections.abc import Sequence

from optimerge.front.markdown import escaped, table_heads, table_row
from optimerge.retest.grid import Group, groups_of, rows_of
from optimerge.retest.sections import sections
from optimerge.retest.sentences import headline
from optimerge.retest.verdict import Verdict


def to_markdown(verdict: Verdict) -> str:
    """Return the verdict: its first line, a table a group of columns, and what is said of them.

    Text of the run is no markup.
    """
    rows = rows_of(verdict)
    labels = [row.label for row in rows]
    kinds = ["" if row.masks else row.line.kind for row in rows]
    parts = [f"**{escaped(headline(verdict))}**\n"]
    for group in groups_of(verdict):
        if group.title:
            parts.append(f"### {escaped(group.title)}\n")
        parts.append(_table(group, labels, kinds))
    for title, texts in sections(verdict):
        parts.append(f"### {escaped(title)}\n")
        parts.append("".join(f"- {escaped(text)}\n" for text in texts))
    return "\n".join(parts)


def _table(group: Group, labels: Sequence[str], kinds: Sequence[str]) -> str:
    lines = table_heads(["model", "kind"], [escaped(head) for head in group.heads])
    for label, kind, cells in zip(labels, kinds, group.cells, strict=True):
        if not kind and not any(cells):
            continue  # nothing here of other masks
        lines.append(table_row([escaped(label.strip()), kind, *map(escaped, cells)]))
    return "".join(f"{line}\n" for line in lines)
