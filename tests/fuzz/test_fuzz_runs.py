"""Run folders of strangers: whatever they hold, one sentence comes out, and soon."""

import gzip
import io
import json
import shutil
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import DEEP, ODD, edited, mutated, only_our_errors, tier
from strange_runs import COMMANDS, HEADER, as_bytes, as_journal, lines, packed

from optimerge.cli.evidence import compared, item_lines
from optimerge.records.artifacts import artifacts_in
from optimerge.records.keys import JOURNAL
from optimerge.records.prompts import Item, read_items, write_items
from optimerge.records.run import open_run


def judge_journal(folder: Path, content: bytes) -> None:
    """Do with a run folder of that journal what every reading command does."""
    other = folder.parent / "stranger"
    if not other.exists():
        shutil.copytree(folder, other)
    (other / JOURNAL).write_bytes(content)
    before = sorted(p.name for p in folder.parent.iterdir())
    for use in COMMANDS:
        with only_our_errors(), redirect_stdout(io.StringIO()):
            use(other)
    assert (other / JOURNAL).read_bytes() == content
    assert sorted(p.name for p in folder.parent.iterdir()) == before


FIELDS = [
    *ODD,
    *("maximize", "complete", "expert:x", "warm:x", "COMPLETE", "linear", [1.0, 2.0], [None, 1]),
    *({"x": 1}, {"value": 1}, {"task": {"value": "a"}}, {"scores": {}}, 5, 6, 7, 8, 9, 10, 11),
    '{"name": "FloatDistribution", "attributes": {"low": 0, "high": 1}}',
    '{"name": "CategoricalDistribution", "attributes": {"choices": [[1], null]}}',
    '{"name": "IntDistribution", "attributes": {"low": 0, "high": 9, "step": 0}}',
    '{"name": "system", "attributes": {}}',
    "2026-01-01T00:00:00",
]
TOKENS = (
    *(b"\n", b"\n\n", b"null\n", b"[]\n", b"{}\n", b'{"op_code":99}\n', b'{"op_code":4}\n'),
    *(b"NaN", b"Infinity", b"1e999", b"9" * 5000, b"[" * 2000, b'"', b"\\ud800", b"\0", b"\x80"),
    *(b"\x80\x04cos\nsystem\n.", b"-1", b"0", b"true", b"{", b"}"),
)


@tier(30)
@given(st.data())
def test_odd_lines(folder: Path, data: st.DataObject) -> None:
    judge_lines(folder, data)


@tier(25)
@given(st.data())
def test_edited_journals(folder: Path, data: st.DataObject) -> None:
    judge_journal(folder, data.draw(edited((folder / JOURNAL).read_bytes(), TOKENS)))


@tier(20)
@given(st.binary(max_size=300))
def test_random_journals(folder: Path, content: bytes) -> None:
    judge_journal(folder, content)


@pytest.mark.slow
@tier(DEEP)
@given(st.data())
def test_many_odd_lines(folder: Path, data: st.DataObject) -> None:
    judge_lines(folder, data)


@pytest.mark.slow
@tier(DEEP)
@given(st.data())
def test_many_edited_journals(folder: Path, data: st.DataObject) -> None:
    judge_journal(folder, data.draw(edited((folder / JOURNAL).read_bytes(), TOKENS)))


def judge_lines(folder: Path, data: st.DataObject) -> None:
    found = data.draw(mutated(lines(folder), FIELDS))
    judge_journal(folder, as_journal(found))


def judge_evidence(folder: Path, content: bytes) -> None:
    other = folder.parent / "evident"
    if not other.exists():
        shutil.copytree(folder, other)
    (other / "evidence" / "search-00001.npz").write_bytes(content)
    with only_our_errors():
        run = open_run(other)
        first, second = run.trials()[1:3]
        compared(run, second, first)
        compared(run, first, second)
        item_lines(run, second, first, "task")


ARRAYS: list[Any] = [
    np.zeros(3, dtype="U4"),
    np.zeros(3, dtype="M8[s]"),
    np.zeros(3, dtype=[("a", "i4")]),
    np.zeros((), dtype=float),
    np.zeros((3, 2, 2)),
    np.zeros((3, 2)),
    np.zeros(2),
    np.zeros(0),
    np.full(3, np.nan),
    np.zeros(3, dtype=complex),
    np.zeros(3, dtype=">f8"),
    np.zeros(3, dtype=bool),
    np.zeros(3, dtype="S3"),
    np.zeros(3, dtype="V3"),
]


TEXTS = [{"0": "an answer"}]


@st.composite
def archives(draw: Any) -> bytes:
    """Draw evidence whose header, texts or arrays are odd."""
    header = draw(st.one_of(st.just(HEADER), mutated(HEADER)))
    texts = draw(st.one_of(st.just(TEXTS), mutated(TEXTS)))
    values = draw(st.sampled_from([np.arange(3), *ARRAYS]))
    whole = {"header": as_bytes(header), "texts": as_bytes(texts), "0.0": values}
    if draw(st.booleans()):
        del whole[draw(st.sampled_from(sorted(whole)))]
    return packed(**whole)


@tier(30)
@given(archives())
def test_odd_evidence(folder: Path, content: bytes) -> None:
    judge_evidence(folder, content)


@tier(40)
@given(st.data())
def test_edited_evidence(folder: Path, data: st.DataObject) -> None:
    whole = (folder / "evidence" / "search-00001.npz").read_bytes()
    judge_evidence(folder, data.draw(edited(whole)))


@pytest.mark.slow
@tier(DEEP)
@given(archives() | st.binary(max_size=100))
def test_much_odd_evidence(folder: Path, content: bytes) -> None:
    judge_evidence(folder, content)


@pytest.mark.slow
@tier(DEEP)
@given(st.data())
def test_much_edited_evidence(folder: Path, data: st.DataObject) -> None:
    whole = (folder / "evidence" / "search-00001.npz").read_bytes()
    judge_evidence(folder, data.draw(edited(whole)))


@tier(40)
@given(st.data())
def test_prompts(tmp_path: Path, data: st.DataObject) -> None:
    write_items(artifacts_in(tmp_path), "d", {0: Item("prompt", ("a",))})
    file = tmp_path / "evidence" / "items-d.jsonl.gz"
    line = data.draw(mutated({"id": 0, "prompt": "x", "choices": ["a"]}))
    good = gzip.compress(json.dumps(line).encode() + b"\n")
    file.write_bytes(data.draw(st.one_of(st.just(good), edited(good), st.binary(max_size=50))))
    with only_our_errors():
        for item in read_items(artifacts_in(tmp_path), "d").values():
            assert isinstance(item.prompt, str)
