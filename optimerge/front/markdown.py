"""Markdown of tables that hold a stranger's texts: rows, scores, and text that is no markup."""

import re
from collections.abc import Iterable, Sequence

from optimerge.records.plain import one_line
from optimerge.records.types import Score

_MARKUP = re.compile(r"[\\`*\[\]<>|&~$]|(?<!\w)_|_(?!\w)")
"""What Markdown, or HTML in it, may read something into."""


def escaped(text: str) -> str:
    r"""Return a text as it is read in one cell, whatever it holds.

    >>> print(escaped("a|b *c* gsm8k_mean <img>"))
    a\|b \*c\* gsm8k_mean \<img\>
    """
    return _MARKUP.sub(lambda found: f"\\{found[0]}", one_line(text))


def table_row(cells: Iterable[str]) -> str:
    """Return the line of a table's row; cells that hold text of a run are `escaped` before.

    >>> table_row(["a", "b"])
    '| a | b |'
    """
    return f"| {' | '.join(cells)} |"


def table_heads(
    texts: Sequence[str], numbers: Sequence[str], last: Sequence[str] = ()
) -> list[str]:
    """Return a table's first two lines: columns of texts, of numbers, and more of texts.

    >>> table_heads(["a"], ["b"])
    ['| a | b |', '| :-- | --: |']
    """
    sides = [*[":--"] * len(texts), *["--:"] * len(numbers), *[":--"] * len(last)]
    return [table_row([*texts, *numbers, *last]), table_row(sides)]


def score_cell(score: Score | None) -> str:
    """Return a score with its standard error, four digits; "" where there is none.

    >>> score_cell(Score(0.75, 0.0125, 300, "maximize", 1.0))
    '0.75 ± 0.013'
    """
    if score is None or score.value != score.value:
        return ""
    return f"{score.value:.4g}" + (f" ± {score.stderr:.2g}" if score.stderr else "")
