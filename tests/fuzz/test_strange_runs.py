"""Run folders of strangers: nothing of them is run, read or written outside, or commands a screen."""

import io
import os
import pickle
import shutil
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutations import only_our_errors
from strange_runs import COMMANDS, HEADER, Payload, as_bytes, as_journal, lines, packed

from optimerge.api.run import load_run
from optimerge.cli.evidence import compared, item_lines
from optimerge.cli.main import run as command
from optimerge.errors import RunError
from optimerge.records.artifacts import artifacts_in
from optimerge.records.evidence import read_evidence
from optimerge.records.keys import JOURNAL
from optimerge.records.prompts import read_items
from optimerge.records.run import make_writable, open_run


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
    for use in COMMANDS:
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
            read_evidence(artifacts_in(tmp_path), "x")
    (tmp_path / "evidence" / "x.npz").write_bytes(pickle.dumps(Payload(marker)))
    with pytest.raises(RunError, match="cannot be read as evidence"):
        read_evidence(artifacts_in(tmp_path), "x")
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
        read_evidence(artifacts_in(tmp_path), "x")


def test_an_array_that_says_it_is_huge_is_refused(tmp_path: Path) -> None:
    head = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }"
    for count in (10**9, 10**15, 10**30):
        text = (head % count).ljust(127) + b"\n"
        (tmp_path / "evidence").mkdir(exist_ok=True)
        with zipfile.ZipFile(tmp_path / "evidence" / "x.npz", "w") as file:
            file.writestr("header.npy", archive_of(HEADER))
            file.writestr("0.0.npy", text + bytes(24))
        with pytest.raises(RunError, match="cannot be read as evidence"):
            read_evidence(artifacts_in(tmp_path), "x")


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
        read_evidence(artifacts_in(tmp_path / "run"), name)
    with pytest.raises(RunError, match="is no name of a file there"):
        read_items(artifacts_in(tmp_path / "run"), f"/{name}")


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
    load_run(folder).export("trial:1", tmp_path / "recipe.yaml")
    assert (tmp_path / "mine").read_text() == "precious"
    assert "merge_method: linear" in (tmp_path / "recipe.yaml").read_text()


def test_names_of_a_run_command_no_terminal(folder: Path, tmp_path: Path) -> None:
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


def edited_run(folder: Path, other: Path, key: str, value: Any) -> Path:
    """Copy a run; every trial's attribute of that name is another."""
    shutil.copytree(folder, other)
    found = lines(other)
    for line in found:
        if key in line.get("user_attr", {}):
            line["user_attr"][key] = value
    (other / JOURNAL).write_bytes(as_journal(found))
    return other


ONE = {"value": 1.0, "direction": "maximize", "stderr": 0.1, "items": 3, "seconds": 0.0}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seconds", {"merge": "soon"}),
        ("seconds", 3),
        ("stats", {"seconds": 1}),
        ("scores", {"task": {**ONE, "stderr": "x"}, "size": ONE}),
        ("scores", {"task": ONE, "size": ONE, "other": {**ONE, "direction": "up"}}),
        ("scores", [1]),
        ("tokens", "many"),
        ("reference", [1.0]),
        ("reference", ["a", "b"]),
        ("scales", [1.0, float("inf")]),
        ("goal", "far"),
        ("run", {"format": 2}),
        ("run", {"format": 3}),
        ("run", []),
    ],
)
def test_records_that_are_none_are_refused(
    folder: Path, tmp_path: Path, key: str, value: Any
) -> None:
    other = edited_run(folder, tmp_path / "run", key, value)
    errors = io.StringIO()
    with redirect_stderr(errors), redirect_stdout(io.StringIO()):
        assert command(["status", str(other)]) == 2
    assert errors.getvalue().startswith("Error: ")
    assert errors.getvalue().count("\n") == 1


def test_records_that_lack_parts_are_shown_without(folder: Path, tmp_path: Path) -> None:
    other = edited_run(folder, tmp_path / "run", "seconds", {"score": 0.0})
    found = lines(other)
    for line in found:
        if "scores" in line.get("user_attr", {}) and line["trial_id"] == 1:
            del line["user_attr"]["scores"]["watched"]
    (other / JOURNAL).write_bytes(as_journal(found))
    with redirect_stdout(io.StringIO()) as said:
        assert command(["show", str(other), "1"]) == 0
        assert command(["front", str(other)]) == 0
    assert "tokens a second" not in said.getvalue()


def test_rows_of_numbers_are_not_compared_with_numbers(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(folder, other)
    odd = packed(header=as_bytes(HEADER), **{"0.0": np.zeros((3, 2))})
    (other / "evidence" / "search-00001.npz").write_bytes(odd)
    run = open_run(other)
    first, second = run.trials()[1:3]
    assert compared(run, first, second) == ["  task, acc: 3 documents"]
    assert item_lines(run, first, second, "task")[1].split("\t")[2] == "-"
