"""The page itself: one HTML file that asks for nothing from anywhere, and runs nothing."""

from collections import Counter
from pathlib import Path
from typing import Any

from optimerge.front.certainty import Certainty, share
from optimerge.front.table import score_names
from optimerge.records.durations import duration
from optimerge.records.plain import plain
from optimerge.records.types import Trial
from optimerge.report.contents import Contents
from optimerge.report.pictures import pictures
from optimerge.report.text import score_text, value_text
from optimerge.retest.grid import groups_of, rows_of
from optimerge.retest.sections import sections
from optimerge.retest.sentences import headline
from optimerge.retest.verdict import Verdict

TEMPLATE = Path(__file__).parent / "page.html"
STAGES = ("propose", "wait", "merge", "score", "answer", "metrics", "others")
"""Of what a trial's seconds tell; `propose` goes on beside the others, the last three are parts of
`score`."""


def page(contents: Contents) -> bytes:
    """Return the page as a file's bytes; the same run gives the same bytes.

    All text of the run is escaped: it may come from a stranger. The page's own policy forbids
    scripts and any request.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    html = template.render(_values(contents))
    return html.encode("utf-8", "backslashreplace")


def _values(contents: Contents) -> dict[str, Any]:
    front, info = contents.front, contents.run.info
    names = score_names(front.trials, front.objectives)
    chosen, sure = contents.choice.trial if contents.choice else None, contents.certainty
    return {
        "run": contents.run.name,
        "objectives": [(name, info.objectives.get(name, "")) for name in names],
        "states": list(Counter(t.state for t in contents.trials).items()),
        "hypervolume": value_text(front.relative_hypervolume) if front.trials else "–",
        "choice": contents.choice,
        "chosen_row": _row(chosen, names, sure) if chosen else None,
        "recipe": plain(chosen.recipe) if chosen else "",
        "front": [_row(t, names, sure) for t in front.members],
        "beaten_parents": [
            _row(t, names, sure) for t in front.trials if t.is_parent and t not in front.members
        ],
        "pictures": pictures(contents),
        "certainty": sure,
        "test": _test(contents.verdict) if contents.verdict else None,
        "unimportant": contents.unimportant,
        "failures": [(plain(reason), n) for reason, n in contents.failures.items()],
        "seconds": _seconds(contents.trials),
        "versions": info.versions,
        "settings": _settings(contents),
        "items": info.items,
        "models": {model: dict(files) for model, files in info.models.items()},
        "space": plain(info.space),
    }


def _row(trial: Trial, names: list[str], sure: Certainty) -> dict[str, Any]:
    return {
        "name": plain(trial.name),
        "kind": "parent" if trial.is_parent else plain(trial.origin),
        "scores": [score_text(trial.scores.get(name)) for name in names],
        "broken": ", ".join(trial.violations),
        "p_front": share(sure.on_front.get(trial.name)),
        "p_beats": share(sure.beats_parents.get(trial.name)),
    }


def _test(verdict: Verdict) -> dict[str, Any]:
    rows = rows_of(verdict)
    return {
        "headline": plain(headline(verdict)),
        "rows": [("" if row.masks else row.line.kind, plain(row.label)) for row in rows],
        "groups": [(plain(g.title), g.heads, g.cells) for g in groups_of(verdict)],
        "sections": [(title, [plain(t) for t in texts]) for title, texts in sections(verdict)],
    }


def _seconds(trials: tuple[Trial, ...]) -> list[tuple[str, str, str]]:
    """Return (stage, in all, per trial), of the stages that anything was spent on."""
    found = []
    for stage in STAGES:
        spent = [t.seconds[stage] for t in trials if stage in t.seconds]
        if total := sum(spent):
            found.append((stage, duration(total), duration(total / len(spent))))
    return found


def _settings(contents: Contents) -> list[tuple[str, str]]:
    info = contents.run.info
    found = {
        "space": info.space_file,
        "seed": str(info.seed),
        "masks": "as mergekit draws them (exact)" if info.exact else "by hash (fast)",
        "task vectors": info.task_vectors,
        "layers": str(info.layers),
        "token plan": info.plan or "none",
        "layer groups": "; ".join(f"{k}: {list(v)}" for k, v in info.layer_groups.items()),
        "storage": info.storage or "journal in the run folder",
    }
    return [(key, plain(text)) for key, text in found.items() if text]
