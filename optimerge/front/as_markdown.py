"""Trials as a Markdown table: for a model card, an issue, a note."""

import re
from collections.abc import Sequence

from optimerge.front.certainty import NOTHING, Certainty, share
from optimerge.front.front import Front
from optimerge.front.table import score_names
from optimerge.records.plain import one_line
from optimerge.records.types import Score, Trial

_SURE = ("P front", "P \\> best parent")
_MARKUP = re.compile(r"[\\`*\[\]<>|&~$]|(?<!\w)_|_(?!\w)")
"""What Markdown, or HTML in it, may read something into."""


def to_markdown(trials: Sequence[Trial], front: Front, certainty: Certainty = NOTHING) -> str:
    """Return the trials as a table, in the given order, four digits a number; `front` is theirs.

    Columns: trial, origin, each score with its standard error (the arrow says which way is
    better; a score that is only watched has none), the probabilities of the front if they are
    known, the share of parameters that differ from the
    base, and the parameters. Text of the run is no markup.
    """
    names = score_names(front.trials, front.objectives)
    arrows = {"maximize": " ↑", "minimize": " ↓"}
    heads = [escaped(name) + arrows.get(front.objectives.get(name, ""), "") for name in names]
    sure = [*_SURE] if certainty.on_front else []
    heads += sure
    lines = [
        _line(["trial", "origin", *heads, "differs from base", "parameters"]),
        _line([":--", ":--", *["--:"] * (len(heads) + 1), ":--"]),
    ]
    for trial in trials:
        scores = [_cell(trial.scores.get(name)) for name in names]
        if sure:
            known = (certainty.on_front, certainty.beats_parents)
            scores += [escaped(share(each.get(trial.name))) for each in known]
        stats = trial.stats
        differs = f"{stats.nonzero_share:.1%}" if stats and stats.compared else ""
        params = ", ".join(f"{escaped(n)} = {_value(v)}" for n, v in trial.params.items())
        origin = escaped(trial.origin)
        lines.append(_line([escaped(trial.name), origin, *scores, differs, params]))
    return "".join(f"{line}\n" for line in lines)


def escaped(text: str) -> str:
    r"""Return a text as it is read in one cell, whatever it holds.

    >>> print(escaped("a|b *c* gsm8k_mean <img>"))
    a\|b \*c\* gsm8k_mean \<img\>
    """
    return _MARKUP.sub(lambda found: f"\\{found[0]}", one_line(text))


def _cell(score: Score | None) -> str:
    if score is None or score.value != score.value:
        return ""
    return f"{score.value:.4g}" + (f" ± {score.stderr:.2g}" if score.stderr else "")


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else escaped(str(value))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
