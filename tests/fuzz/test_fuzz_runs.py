"""Run folders of strangers: whatever they hold, one sentence comes out and nothing is run."""

import gzip
import io
import json
import os
import pickle
import re
import shutil
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import DEEP, ODD, edited, mutated, only_our_errors, tier
from optuna.samplers import RandomSampler

from optimerge.cli import show, status
from optimerge.cli.evidence import compared, item_lines
from optimerge.cli.searching import export_trial, front_of, print_front
from optimerge.errors import RunError
from optimerge.front.table import front_table, to_csv, to_json
from optimerge.records.attributes import trial_attributes
from optimerge.records.evidence import Evidence, TaskEvidence, read_evidence, write_evidence
from optimerge.records.prompts import Item, read_items, write_items
from optimerge.records.run import JOURNAL, RunInfo, create_run, make_writable, open_run
from optimerge.records.types import MergeStats, Score

RECIPE = (
    "merge_method: linear\nmodels:\n- {model: a, parameters: {weight: 0.5}}\n"
    "- {model: b, parameters: {weight: 1}}\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a parent, three complete trials, a failed, a pruned and a running one."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    info = RunInfo(
        space="merge_method: ties\n",
        space_file="/somewhere/space.yaml",
        digest="d",
        objectives={"task": "maximize", "size": "minimize"},
        layers=4,
        seed=0,
        exact=False,
        items={"task": "abc"},
    )
    made = create_run(folder, info)
    for each in (made.search, made.parents):
        each.sampler = RandomSampler(seed=1)
    evidence = Evidence([TaskEvidence("task", "abc", (0, 1, 2), {"acc": np.arange(3)}, {1: "x"})])
    write_items(folder, "abc", {n: Item(f"prompt {n}", ("a", "b")) for n in range(3)})
    for study, origin, count in ((made.parents, "base", 1), (made.search, "sampler", 6)):
        for number in range(count):
            asked = study.ask()
            asked.suggest_float("a.weight", 0, 1)
            asked.suggest_categorical("merge_method", ("linear", "ties"))
            scores = {
                "task": Score(number / 10, 0.02, 50, "maximize", 1.5),
                "size": Score(0.25, 0.0, 0, "minimize", 0.0),
                "watched": Score(1.0, None, 3, "maximize", 0.0),
            }
            name = f"{study.study_name}-{number:05d}"
            stats = MergeStats(0.5, 100, 25, 3.0, 1.0)
            kept = trial_attributes(origin, RECIPE, scores, stats, {"merge": 0.5}, tokens=7)
            for key, value in {**kept, "evidence": name}.items():
                asked.set_user_attr(key, value)
            write_evidence(folder, name, evidence)
            asked.set_constraint("task >= 0.1", 0.1 - number / 10)
            if number == 3:
                study.tell(asked, state=state("FAIL"))
            elif number == 4:
                study.tell(asked, state=state("PRUNED"))
            elif number < 5:
                study.tell(asked, [scores["task"].value, scores["size"].value])
    made.search.set_user_attr("reference", [0.1, 0.3])
    made.search.set_user_attr("scales", [1.0, 1.0])
    made.search.set_user_attr("goal", 40)
    journal = folder / JOURNAL  # the same bytes each time, so that the examples are the same
    text = re.sub(r'"worker_id":"[^"]*"', '"worker_id":"w"', journal.read_text())
    journal.write_text(re.sub(r'"20\d\d-[^"]*"', '"2026-01-01T00:00:00.000001+00:00"', text))
    return folder


def state(name: str) -> Any:
    from optuna.trial import TrialState

    return TrialState[name]


def lines(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / JOURNAL).read_bytes().splitlines()]


def judge_journal(folder: Path, content: bytes) -> None:
    """Do with a run folder of that journal what every reading command does."""
    other = folder.parent / "stranger"
    if not other.exists():
        shutil.copytree(folder, other)
    (other / JOURNAL).write_bytes(content)
    before = sorted(p.name for p in folder.parent.iterdir())
    for use in (look, tell_front, tell_trials, export):
        with only_our_errors(), redirect_stdout(io.StringIO()):
            use(other)
    assert (other / JOURNAL).read_bytes() == content
    assert sorted(p.name for p in folder.parent.iterdir()) == before


def look(folder: Path) -> None:
    assert status.describe(open_run(folder))


def tell_front(folder: Path) -> None:
    run = open_run(folder)
    print_front(run)
    to_json(front_of(run))
    to_csv(front_table(front_of(run)))


def tell_trials(folder: Path) -> None:
    run = open_run(folder)
    for trial in run.trials():
        assert show.describe(trial, compared(run, trial, run.trials()[0]))


def export(folder: Path) -> None:
    export_trial(folder, "knee", None)


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


@tier(60)
@given(st.data())
def test_odd_lines(folder: Path, data: st.DataObject) -> None:
    judge_lines(folder, data)


@tier(40)
@given(st.data())
def test_edited_journals(folder: Path, data: st.DataObject) -> None:
    judge_journal(folder, data.draw(edited((folder / JOURNAL).read_bytes(), TOKENS)))


@tier(30)
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


def as_journal(found: list[Any]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in found).encode()


def archive(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


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


def packed(**arrays: Any) -> bytes:
    place = io.BytesIO()
    np.savez_compressed(place, **arrays)
    return place.getvalue()


def as_bytes(data: Any) -> Any:
    return np.frombuffer(json.dumps(data).encode(), dtype=np.uint8)


HEADER = {
    "format": 1,
    "tasks": [{"task": "task", "digest": "abc", "documents": [0, 1, 2], "metrics": ["acc"]}],
}
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


@tier(60)
@given(archives())
def test_odd_evidence(folder: Path, content: bytes) -> None:
    judge_evidence(folder, content)


@tier(100)
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


@tier(100)
@given(st.data())
def test_prompts(tmp_path: Path, data: st.DataObject) -> None:
    write_items(tmp_path, "d", {0: Item("prompt", ("a",))})
    file = tmp_path / "evidence" / "items-d.jsonl.gz"
    line = data.draw(mutated({"id": 0, "prompt": "x", "choices": ["a"]}))
    good = gzip.compress(json.dumps(line).encode() + b"\n")
    file.write_bytes(data.draw(st.one_of(st.just(good), edited(good), st.binary(max_size=50))))
    with only_our_errors():
        for item in read_items(tmp_path, "d").values():
            assert isinstance(item.prompt, str)


class Payload:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_journal_that_is_a_pickle_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "ran"
    content = pickle.dumps(Payload(marker), protocol)
    for written in (content, content + b"\n", b"\n" + content + b"\n"):
        (tmp_path / JOURNAL).write_bytes(written)
        (tmp_path / f"{JOURNAL}.snapshot").write_bytes(content)
        with pytest.raises(RunError):
            open_run(tmp_path)
    pickle.loads(content)  # noqa: S301
    assert marker.exists(), "the payload works, and nobody ran it before"


def test_pickles_inside_a_journal_are_text(folder: Path, tmp_path: Path) -> None:
    marker, other = tmp_path / "ran", tmp_path / "run"
    shutil.copytree(folder, other)
    text = pickle.dumps(Payload(marker), 0).decode("ascii")
    found = lines(other)
    for line in found:
        if line.get("user_attr", {}).keys() & {"origin", "error"}:
            line["user_attr"] = dict.fromkeys(line["user_attr"], text)
    (other / JOURNAL).write_bytes(as_journal(found))
    for use in (look, tell_front, tell_trials, export):
        with only_our_errors(), redirect_stdout(io.StringIO()):
            use(other)
    assert not marker.exists()


@pytest.mark.parametrize("line", ["null", "[]", '"text"', "3", "{}", '{"op_code": 99}'])
def test_a_first_line_that_is_no_operation_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / JOURNAL).write_text(f"{line}\n")
    with pytest.raises(RunError):
        open_run(tmp_path)


def test_evidence_that_holds_pickles_is_refused_and_not_run(folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    objects = np.array([Payload(marker)] * 3, dtype=object)
    whole = {"header": as_bytes(HEADER), "0.0": np.arange(3)}
    for arrays in ({**whole, "0.0": objects}, {**whole, "header": objects}):
        (tmp_path / "evidence").mkdir(exist_ok=True)
        (tmp_path / "evidence" / "x.npz").write_bytes(packed(**arrays))
        with pytest.raises(RunError, match="cannot be read as evidence"):
            read_evidence(tmp_path, "x")
    (tmp_path / "evidence" / "x.npz").write_bytes(pickle.dumps(Payload(marker)))
    with pytest.raises(RunError, match="cannot be read as evidence"):
        read_evidence(tmp_path, "x")
    assert not marker.exists()


def test_evidence_that_unpacks_to_gigabytes_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimerge.records.evidence.MOST_BYTES", 250_000)
    (tmp_path / "evidence").mkdir()
    with zipfile.ZipFile(tmp_path / "evidence" / "x.npz", "w", zipfile.ZIP_DEFLATED) as file:
        for n in range(3):
            file.writestr(f"{n}.npy", bytes(100_000))
    with pytest.raises(RunError, match="unpacked it has 300000 bytes"):
        read_evidence(tmp_path, "x")


def test_an_array_that_says_it_is_huge_is_refused(tmp_path: Path) -> None:
    head = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }"
    for count in (10**9, 10**15, 10**30):
        text = (head % count).ljust(127) + b"\n"
        (tmp_path / "evidence").mkdir(exist_ok=True)
        with zipfile.ZipFile(tmp_path / "evidence" / "x.npz", "w") as file:
            file.writestr("header.npy", archive_of(HEADER))
            file.writestr("0.0.npy", text + bytes(24))
        with pytest.raises(RunError, match="cannot be read as evidence"):
            read_evidence(tmp_path, "x")


def archive_of(header: Any) -> bytes:
    place = io.BytesIO()
    np.save(place, as_bytes(header))
    return place.getvalue()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b", "..", "", "a\0b", "a\nb", "x" * 300])
def test_evidence_lies_in_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "run" / "evidence").mkdir(parents=True)
    for place in (tmp_path / "run", tmp_path):
        (place / "x.npz").write_bytes(packed(header=as_bytes(HEADER)))
    with pytest.raises(RunError, match="is no name of a file there"):
        read_evidence(tmp_path / "run", name)
    with pytest.raises(RunError, match="is no name of a file there"):
        read_items(tmp_path / "run", f"/{name}")


@pytest.mark.parametrize("name", [JOURNAL, "log.txt", "search.lock", "evidence"])
def test_a_run_folder_is_not_written_through_links_out_of_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "run" / name).symlink_to(tmp_path / "mine")
    with pytest.raises(RunError, match="is a link out of the run folder"):
        make_writable(tmp_path / "run")
    assert (tmp_path / "mine").read_text() == "precious"


def test_an_export_replaces_a_link_and_not_what_it_leads_to(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    for name in ("recipe.yaml", f".recipe.yaml.partial-{os.getpid()}"):
        (tmp_path / name).symlink_to(tmp_path / "mine")
    export_trial(folder, "trial:1", tmp_path / "recipe.yaml")
    assert (tmp_path / "mine").read_text() == "precious"
    assert "merge_method: linear" in (tmp_path / "recipe.yaml").read_text()


def test_names_of_a_run_command_no_terminal(folder: Path, tmp_path: Path) -> None:
    from optimerge.cli.main import run as command

    other, odd = tmp_path / "run", "\x1b[2J[/b]:smile:\x9b\u202e\nmerge_method: x"
    shutil.copytree(folder, other)
    found = lines(other)
    for line in found:
        if line.get("user_attr", {}).get("origin") == "base":
            line["user_attr"]["origin"] = f"expert:{odd}"
    (other / JOURNAL).write_bytes(as_journal(found))
    [name] = [t.name for t in open_run(other).trials() if t.is_parent]
    assert name == r"\u001b[2J[/b]:smile:\u009b\u202e\u000amerge_method: x"
    for arguments in (
        ["front", str(other)],
        ["front", str(other), "--format", "csv"],
        ["front", str(other), "--format", "json"],
        ["status", str(other)],
        ["show", str(other), name, "--against", "1"],
        ["show", str(other), odd],
        ["export", str(other), "--trial", name, "-o", "-"],
    ):
        place, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(place), redirect_stderr(errors):
            assert command(arguments) == (2 if odd in arguments else 0), arguments
        text = place.getvalue() + errors.getvalue()
        assert not set(text) & {"\x1b", "\x9b", "\u202e"}, arguments
        assert "\nmerge_method: x" not in text, arguments
        assert arguments[0] not in ("show", "export") or "merge_method: x" in text
