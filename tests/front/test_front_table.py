import csv
import io
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from front_cases import OBJECTIVES, study, trial

from optimerge.errors import OptimergeError
from optimerge.front.as_csv import to_cell, to_csv
from optimerge.front.as_json import to_json
from optimerge.front.as_markdown import to_markdown
from optimerge.front.formats import format_of, in_format
from optimerge.front.front import make_front
from optimerge.front.table import all_table, front_table
from optimerge.records.types import MergeStats

SURE = ["p_front", "p_beats_best_parent"]
HEAD = ["trial", "origin", "parent", "state", "on_front", "p_front", "p_beats_best_parent", "error"]
STATS = ["stats.nonzero_share", "stats.l1", "stats.l2"]
SCORES = ["maths", "maths_stderr", "code", "code_stderr", "size", "size_stderr"]


def all_of(trials):
    return all_table(trials, make_front(trials, OBJECTIVES))


def json_of(trials):
    front = make_front(trials, OBJECTIVES)
    return to_json(front.members, front)


def test_front_table():
    table = front_table(make_front(study(), OBJECTIVES))
    assert list(table) == [*HEAD, *SCORES, *STATS, "seconds", "w", "method", "k"]
    assert table["trial"].tolist() == ["org/math-7b", "6", "0", "base", "org/code-7b"]
    assert table["parent"].tolist() == [True, False, False, True, True]
    assert table["maths"].tolist() == [0.8, 0.7, 0.6, 0.2, 0.1]
    assert table["size_stderr"].isna().all()
    assert table["seconds"].tolist() == [0, 3.5, 0, 0, 0]
    assert table["k"].tolist()[2] == 3
    assert table["w"].isna().tolist() == [True, True, False, True, True]


def test_all_table_holds_every_trial():
    table = all_of(study())
    assert table["trial"].tolist()[3:] == list("0123456")
    assert table["state"].tolist()[6:8] == ["pruned", "failed"]
    assert table["error"].tolist()[7] == "out of memory"
    assert np.isnan(table["maths"][7])
    assert table["code"][7] == 0.99


def test_errors_of_scores_stand_beside_them():
    table = all_of(study())
    assert table["maths_stderr"].tolist()[:7] == [0.01] * 7
    assert math.isnan(table["maths_stderr"][7])


def test_a_column_has_the_type_of_its_values():
    params = [{"a": True, "b": 1, "c": 0.5, "d": "x"}, {"a": False, "b": 2, "c": 1, "d": "y"}]
    rows = [trial(n, [0.1, 0.2, 0.3], params=each) for n, each in enumerate(params)]
    full, gaps = all_of(rows), all_of([*rows, trial(2, [0.1, 0.2, 0.3])])
    assert [str(full[name].dtype) for name in "abc"] == ["bool", "int64", "float64"]
    assert [str(gaps[name].dtype) for name in "abc"] == ["boolean", "Int64", "float64"]
    assert full["d"].tolist() == ["x", "y"]


def test_no_rows_still_have_columns():
    table = front_table(make_front([], OBJECTIVES))
    assert (len(table), list(table)) == (0, [*HEAD, *SCORES, *STATS, "seconds"])
    assert to_csv(table).count("\n") == 1
    assert json.loads(json_of([])) == []


def test_a_parameter_named_like_a_column_is_not_lost():
    table = all_of([trial(0, [0.1, 0.2, 0.3], params={"size": 7, "trial": "x"})])
    assert table["size"].tolist() == [0.3]
    assert table["params.size"].tolist() == [7]
    assert table["trial"].tolist() == ["0"]


def test_csv_keeps_numbers_exact_and_integers_whole():
    exact = 0.1 + 0.2
    trials = [trial(0, [exact, 0.0, 0.0], params={"k": 3}), trial(1, [0.0, 0.0, 0.0])]
    text = to_csv(all_of(trials))
    assert text.splitlines()[1].endswith(",3")
    assert next(csv.DictReader(io.StringIO(text)))["maths"] == repr(exact)
    assert pd.read_csv(io.StringIO(text))["k"].isna().tolist() == [False, True]


def test_json_round_trip():
    front = make_front(study(), OBJECTIVES)
    members = json.loads(to_json(front.members, front))
    assert [m["name"] for m in members] == [t.name for t in front.members]
    assert members[0] == {
        "number": None,
        "name": "org/math-7b",
        "origin": "expert:org/math-7b",
        "parent": True,
        "state": "complete",
        "on_front": True,
        "p_front": None,
        "p_beats_best_parent": None,
        "error": "",
        "values": {"maths": 0.8, "code": 0.1, "size": 1.0},
        "stderr": {"maths": 0.01, "code": 0.01, "size": None},
        "constraints": {},
        "stats": {"nonzero_share": None, "l1": None, "l2": None},
        "seconds": 0.0,
        "params": {},
    }
    assert members[2]["params"] == {"w": 0.5, "method": "ties", "k": 3}


def test_json_holds_plain_types_only():
    params = {"a": np.float32(0.5), "b": np.int64(2), "c": np.True_, "d": float("nan"), "e": "日本"}
    text = json_of([trial(0, [np.float64(0.1), 0.2, 0.3], params=params)])
    (member,) = json.loads(text)
    assert member["params"] == {"a": 0.5, "b": 2, "c": True, "d": None, "e": "日本"}
    assert "日本" in text
    assert "NaN" not in text
    bad = trial(0, [0.1, 0.2, 0.3], params={"a": [1]})
    with pytest.raises(TypeError, match="not a plain value"):
        json_of([bad])


def rich_study():
    """Parameters of every kind, some missing; names and texts that a stranger chose."""
    nasty = {"w": 0.1 + 0.2, "k": 3, "on": True, "mixed": 1, "=cmd|' /C calc'!A0": "@SUM(1)"}
    return [
        trial(None, [0.2, 0.2, 0.0], "base", stats=MergeStats(1.0, 8, 2, 0.5, 0.25)),
        trial(0, [0.6, 0.55, 1e-17], params=nasty),
        trial(1, [0.5, 0.7, float("inf")], params={"w": -0.25, "on": False, "mixed": "a,b\n'c"}),
        trial(
            2,
            [None, 0.9, 0.1],
            state="failed",
            error='+1: \x1b[2J out of "memory"',
            params={"w": 0.0},
        ),
        trial(3, [0.7, 0.6, -0.0], "warm:-2", params={"mixed": 0.5, "lone": "'quoted"}),
    ]


def test_no_cell_of_the_csv_is_a_formula():
    text = to_csv(all_of(rich_study()))
    rows = list(csv.reader(io.StringIO(text)))
    for row in rows:
        for cell in row:
            try:
                float(cell)
            except ValueError:
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell
    assert any(cell.startswith("'@SUM") for row in rows for cell in row)
    assert "'=cmd|' /C calc'!A0" in rows[0]
    assert "-0.25" in text
    assert "'-0.25" not in text


@pytest.mark.parametrize(
    "text", ["=1", "'=1", "''", "+", "-a", "@", "ties", "", " =1", "＝1", "\t"]
)
def test_a_cell_gives_its_text_back(text):
    assert to_cell(text).removeprefix("'") == text


def test_the_csv_gives_every_value_back():
    trials = rich_study()
    table = all_of(trials)
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert [name.removeprefix("'") for name in rows[0]] == list(table)
    for row, (_, kept) in zip(rows, table.iterrows(), strict=True):
        for name, value in kept.items():
            cell = row[to_cell(name)]
            if pd.isna(value):
                assert cell == ""
            elif isinstance(value, str):
                assert cell.removeprefix("'") == value
            elif isinstance(value, bool | np.bool_):
                assert cell == str(value)
            else:
                assert float(cell) == value
    assert float(rows[1]["size"]) == 1e-17


def test_parquet_gives_the_table_back():
    trials = rich_study()
    front, table = make_front(trials, OBJECTIVES), all_of(trials)
    found = pd.read_parquet(io.BytesIO(in_format(front, "parquet", trials)))
    assert list(found) == list(table)
    assert found["w"].tolist()[1:4] == [0.1 + 0.2, -0.25, 0.0]
    assert math.isnan(found["w"][0])
    assert found["k"].tolist()[1] == 3
    assert found["k"].isna().tolist() == [True, False, True, True, True]
    assert found["on"].tolist()[1:3] == [True, False]
    assert found["size"].tolist() == [0.0, 1e-17, float("inf"), 0.1, -0.0]
    assert [None if pd.isna(v) else json.loads(v) for v in found["mixed"]] == [None, 1, "a,b\n'c", None, 0.5]  # fmt: skip
    assert found["=cmd|' /C calc'!A0"].tolist()[1] == "@SUM(1)"
    assert found["error"].tolist()[3].startswith("+1: ")
    assert found["stats.l2"].tolist()[0] == 0.25


def test_json_of_all_trials_gives_every_value_back():
    trials = rich_study()
    front = make_front(trials, OBJECTIVES)
    found = json.loads(in_format(front, "json", trials))
    assert [t["state"] for t in found] == [t.state for t in trials]
    assert [t["on_front"] for t in found] == [t in front.members for t in trials]
    assert found[2]["values"]["size"] is None
    assert found[1]["params"] == dict(trials[1].params)
    assert found[0]["stats"] == {"nonzero_share": 0.25, "l1": 0.5, "l2": 0.25}
    assert "\x1b" not in in_format(front, "json", trials).decode()


def test_text_of_a_run_commands_no_terminal():
    trials = rich_study()
    front = make_front(trials, OBJECTIVES)
    for form in ("csv", "json", "md"):
        assert b"\x1b" not in in_format(front, form, trials)


def test_markdown_is_a_table_whatever_the_run_holds():
    odd = trial(
        7, [0.6, 0.5, 0.4], "warm:a|b](http://x) <img>", params={"a|b": "x\n|y|", "w": 1 / 3}
    )
    trials = [trial(None, [0.2, 0.2, 0.0], "base"), odd]
    front = make_front(trials, OBJECTIVES)
    lines = to_markdown(front.members, front).splitlines()
    assert (
        lines[0]
        == "| trial | origin | maths ↑ | code ↑ | size ↓ | differs from base | parameters |"
    )
    assert len(lines) == 4
    assert all(line.replace("\\|", "").count("|") == 8 for line in lines)
    assert "0.6 ± 0.01" in lines[2]
    assert "w = 0.3333" in lines[2]
    assert "<img" not in lines[2].replace("\\<", "")


def test_markdown_says_how_much_a_merge_changed():
    changed = trial(1, [0.6, 0.5, 0.4], stats=MergeStats(1.0, 8, 3, 0.5, 0.5))
    moved = trial(2, [0.7, 0.4, 0.4], stats=MergeStats(1.0, 8, 3, 0.5, 0.5, compared=False))
    front = make_front([changed, moved], OBJECTIVES)
    lines = to_markdown([changed, moved], front).splitlines()
    assert lines[2].split(" | ")[-2] == "37.5%"
    assert lines[3].split(" | ")[-2] == ""


def test_the_columns_of_the_front_are_those_of_all_trials():
    trials = study()
    assert list(front_table(make_front(trials, OBJECTIVES))) == list(all_of(trials))
    fewer = list(all_of(trials[:5]))
    assert [c for c in all_of(trials) if c in fewer] == fewer


def test_on_front_marks_the_members():
    front = make_front(study(), OBJECTIVES)
    table = all_table(study(), front)
    assert table[table["on_front"]]["trial"].tolist() == [
        "base",
        "org/math-7b",
        "org/code-7b",
        "0",
        "6",
    ]


def test_objectives_named_like_columns_lose_nothing():
    names = {"trial": "maximize", "stats.l1": "minimize", "seconds": "minimize"}
    trials = [trial(0, [0.1, 0.2, 0.3], objectives=names)]
    table = all_table(trials, make_front(trials, names))
    assert table["trial"].tolist() == ["0"]
    assert table["scores.trial"].tolist() == [0.1]
    assert table["scores.stats.l1"].tolist() == [0.2]
    assert table["scores.seconds"].tolist() == [0.3]


def test_what_no_column_holds_is_written_all_the_same():
    params = {"big": 10**30, "h\ud800": "a\udcff", "w": 1}
    trials = [
        trial(0, [0.1, 0.2, 0.3], params=params),
        trial(1, [0.2, 0.1, 0.3], params={"big": 1}),
    ]
    front = make_front(trials, OBJECTIVES)
    found = pd.read_parquet(io.BytesIO(in_format(front, "parquet", trials)))
    assert [json.loads(value) for value in found["big"]] == [10**30, 1]
    assert found["h\\ud800"].tolist()[0] == "a\\udcff"
    assert str(10**30).encode() in in_format(front, "csv", trials)
    for form in ("json", "md"):
        assert b"udcff" in in_format(front, form, trials)


def test_the_ending_of_a_file_says_its_format():
    assert format_of(Path("x/front.parquet")) == "parquet"
    with pytest.raises(OptimergeError, match="give --format"):
        format_of(Path("front.xlsx"))


def test_pandas_is_imported_only_for_tables():
    code = (
        "import sys, optimerge.front.table, optimerge.front.choose; print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
