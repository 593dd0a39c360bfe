"""The scores of one model as csv, json and Markdown."""

import json

from optimerge.front.as_csv import to_csv
from optimerge.front.directions import arrow
from optimerge.front.json_values import json_value
from optimerge.front.markdown import escaped, score_cell, table_heads, table_row
from optimerge.records.plain import plain
from optimerge.retest.score_one import Scored


def as_csv(scored: Scored) -> str:
    """Return a row an objective: value, stderr, items, direction, why there is none."""
    import pandas as pd

    rows: list[tuple[str | float | None, ...]] = [
        (name, score.value, score.stderr, score.items, score.direction, "")
        for name, score in scored.scores.items()
    ]
    rows += [(name, None, None, None, "", why) for name, why in scored.unscored.items()]
    columns = ["objective", "value", "stderr", "items", "direction", "unscored"]
    table = pd.DataFrame(rows, columns=columns).astype({"items": "Int64"})
    return plain(to_csv(table))


def as_json(scored: Scored) -> str:
    """Return an object: name, items, values, stderr and counts by objective, and the rest.

    What is unknown is null.
    """
    found = {
        "name": scored.name,
        "items": scored.items,
        "values": {name: json_value(score.value) for name, score in scored.scores.items()},
        "stderr": {name: json_value(score.stderr) for name, score in scored.scores.items()},
        "documents": {name: score.items for name, score in scored.scores.items()},
        "directions": dict(scored.directions),
        "unscored": dict(scored.unscored),
        "digests": dict(scored.digests),
        "plan": scored.plan,
    }
    return plain(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def as_markdown(scored: Scored) -> str:
    """Return a table for people, four digits a number; text is no markup."""
    lines = table_heads(["objective"], [f"{scored.items} score", "items"])
    for name, score in scored.scores.items():
        count = str(score.items) if score.items else ""
        lines.append(
            table_row([f"{escaped(name)} {arrow(score.direction)}", score_cell(score), count])
        )
    lines += [
        table_row([escaped(name), "–", escaped(why)]) for name, why in scored.unscored.items()
    ]
    return "".join(f"{line}\n" for line in lines)


FORMATS = {"csv": as_csv, "json": as_json, "md": as_markdown}
