"""Trials as a Markdown table: for a model card, an issue, a note."""

from collections.abc import Mapping, Sequence

from optimerge.front.certainty import NOTHING, Certainty, share
from optimerge.front.directions import arrow
from optimerge.front.front import Front
from optimerge.front.markdown import escaped, score_cell, table_heads, table_row
from optimerge.front.table import score_names
from optimerge.records.types import Direction, Trial

_SURE = ("P front", "P \\> best parent")


def to_markdown(trials: Sequence[Trial], front: Front, certainty: Certainty = NOTHING) -> str:
    """Return the trials as a table, in the given order, four digits a number; `front` is theirs.

    Columns: trial, origin, each score with its standard error (the arrow says which way is
    better; a score that is only watched has none), the probabilities of the front if they are
    known, the share of parameters that differ from the base, and the parameters. Text of the run
    is no markup.
    """
    names = score_names(front.trials, front.objectives)
    titles = [_title(name, front.objectives) for name in names]
    sure = [*_SURE] if certainty.on_front else []
    numbers = [*titles, *sure, "differs from base"]
    lines = table_heads(["trial", "origin"], numbers, ["parameters"])
    for trial in trials:
        scores = [score_cell(trial.scores.get(name)) for name in names]
        if sure:
            known = (certainty.on_front, certainty.beats_parents)
            scores += [escaped(share(each.get(trial.name))) for each in known]
        stats = trial.stats
        differs = f"{stats.nonzero_share:.1%}" if stats and stats.compared else ""
        params = ", ".join(f"{escaped(n)} = {_value(v)}" for n, v in trial.params.items())
        origin = escaped(trial.origin)
        lines.append(table_row([escaped(trial.name), origin, *scores, differs, params]))
    return "".join(f"{line}\n" for line in lines)


def _title(name: str, objectives: Mapping[str, Direction]) -> str:
    return f"{escaped(name)} {arrow(objectives[name])}" if name in objectives else escaped(name)


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else escaped(str(value))
