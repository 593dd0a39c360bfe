import csv
import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from front_cases import OBJECTIVES, study, trial

from optimerge.front.front import make_front
from optimerge.front.table import all_table, front_table, to_csv, to_json

SCORES = ["maths", "maths_stderr", "code", "code_stderr", "size", "size_stderr"]


def test_front_table():
    table = front_table(make_front(study(), OBJECTIVES))
    assert list(table) == ["trial", "origin", "parent", *SCORES, "seconds", "w", "method", "k"]
    assert table["trial"].tolist() == ["org/math-7b", "6", "0", "base", "org/code-7b"]
    assert table["parent"].tolist() == [True, False, False, True, True]
    assert table["maths"].tolist() == [0.8, 0.7, 0.6, 0.2, 0.1]
    assert table["size_stderr"].isna().all()
    assert table["seconds"].tolist() == [0, 3.5, 0, 0, 0]
    assert table["k"].tolist()[2] == 3
    assert table["w"].isna().tolist() == [True, True, False, True, True]


def test_all_table_holds_every_trial():
    table = all_table(study(), OBJECTIVES)
    assert table["trial"].tolist()[3:] == list("0123456")
    assert table["state"].tolist()[6:8] == ["pruned", "failed"]
    assert table["error"].tolist()[7] == "out of memory"
    assert np.isnan(table["maths"][7])
    assert table["code"][7] == 0.99


def test_no_rows_still_have_columns():
    table = front_table(make_front([], OBJECTIVES))
    assert (len(table), list(table)) == (0, ["trial", "origin", "parent", *SCORES, "seconds"])
    assert to_csv(table).count("\n") == 1
    assert json.loads(to_json(make_front([], OBJECTIVES))) == []


def test_a_parameter_named_like_a_column_is_not_lost():
    table = all_table([trial(0, [0.1, 0.2, 0.3], params={"size": 7, "trial": "x"})], OBJECTIVES)
    assert table["size"].tolist() == [0.3]
    assert table["params.size"].tolist() == [7]
    assert table["trial"].tolist() == ["0"]


def test_csv_keeps_numbers_exact_and_integers_whole():
    exact = 0.1 + 0.2
    trials = [trial(0, [exact, 0.0, 0.0], params={"k": 3}), trial(1, [0.0, 0.0, 0.0])]
    text = to_csv(all_table(trials, OBJECTIVES))
    assert text.splitlines()[1].endswith(",3")
    assert next(csv.DictReader(io.StringIO(text)))["maths"] == repr(exact)
    assert pd.read_csv(io.StringIO(text))["k"].isna().tolist() == [False, True]


def test_json_round_trip():
    front = make_front(study(), OBJECTIVES)
    members = json.loads(to_json(front))
    assert [m["name"] for m in members] == [t.name for t in front.members]
    assert members[0] == {
        "number": None,
        "name": "org/math-7b",
        "parent": True,
        "values": {"maths": 0.8, "code": 0.1, "size": 1.0},
        "stderr": {"maths": 0.01, "code": 0.01, "size": None},
        "constraints": {},
        "params": {},
    }
    assert members[2]["params"] == {"w": 0.5, "method": "ties", "k": 3}


def test_json_holds_plain_types_only():
    params = {"a": np.float32(0.5), "b": np.int64(2), "c": np.True_, "d": float("nan"), "e": "日本"}
    text = to_json(make_front([trial(0, [np.float64(0.1), 0.2, 0.3], params=params)], OBJECTIVES))
    (member,) = json.loads(text)
    assert member["params"] == {"a": 0.5, "b": 2, "c": True, "d": None, "e": "日本"}
    assert "日本" in text
    assert "NaN" not in text
    bad = trial(0, [0.1, 0.2, 0.3], params={"a": [1]})
    with pytest.raises(TypeError, match="not a plain value"):
        to_json(make_front([bad], OBJECTIVES))


def test_pandas_is_imported_only_for_tables():
    code = (
        "import sys, optimerge.front.table, optimerge.front.choose; print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
