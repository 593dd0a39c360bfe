"""Evidence: what is written is what is read, whatever the values; a spoilt file is said so."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimerge.errors import RunError
from optimerge.records.artifacts import FOLDER, artifacts_in
from optimerge.records.evidence import (
    LONGEST_TEXT,
    Evidence,
    TaskEvidence,
    as_numbers,
    read_evidence,
    write_evidence,
)
from optimerge.records.prompts import Item, read_items, write_items

finite = st.floats(allow_nan=False, allow_infinity=False)


def one(values: Mapping[str, np.ndarray], texts: Mapping[int, str] | None = None) -> Evidence:
    count = len(next(iter(values.values())))
    return Evidence([TaskEvidence("add", "ab12", tuple(range(5, 5 + count)), values, texts or {})])


@settings(max_examples=30)  # each makes a folder
@given(
    st.lists(finite, min_size=1, max_size=20),
    st.booleans(),
    st.dictionaries(st.integers(0, 99), st.text(max_size=30), max_size=3),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[float],
    also_flags: bool,
    texts: dict[int, str],
) -> None:
    folder = tmp_path_factory.mktemp("run")
    arrays = {"loss,none": np.array(values)}
    if also_flags:
        arrays["acc,none"] = np.array([v > 0 for v in values], np.uint8)
    write_evidence(artifacts_in(folder), "search-00003", one(arrays, texts))
    found = read_evidence(artifacts_in(folder), "search-00003")
    assert found is not None
    (task,) = found.tasks
    assert (task.task, task.digest) == ("add", "ab12")
    assert task.documents == tuple(range(5, 5 + len(values)))
    assert task.texts == texts
    assert list(task.values) == list(arrays)
    for metric, array in arrays.items():
        assert np.array_equal(task.values[metric], array)
    assert found.of("add", "ab12") == task
    assert found.of("add", "other") is None


@given(st.lists(st.one_of(st.booleans(), st.integers(-300, 300), finite), min_size=1))
def test_numbers_keep_their_value(values: list[float]) -> None:
    found = as_numbers(values)
    assert found is not None
    assert found.tolist() == [float(v) if found.dtype.kind == "f" else int(v) for v in values]


def test_accuracies_take_a_byte_a_document_and_words_are_not_numbers() -> None:
    found = as_numbers([0.0, 1.0, 1.0])
    assert found is not None
    assert found.dtype == np.uint8
    assert as_numbers([(0, 1.5), (1, 2.5)]) is not None  # what f1 and word perplexity gather
    nested = as_numbers([(0, (0.25, 0.75)), (1, (0.5, 0.5))])  # what auc_roc gathers
    assert nested is not None
    assert nested.tolist() == [[0, 0.25, 0.75], [1, 0.5, 0.5]]
    assert as_numbers([("a", "b"), ("c", "d")]) is None
    assert as_numbers([(1,), (1, 2)]) is None


def test_a_night_of_trials_stays_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = {"acc,none": rng.integers(0, 2, 1500, np.uint8), "loss,none": rng.normal(size=1500)}
    assert write_evidence(artifacts_in(tmp_path), "search-00000", one(values)) < 20_000
    text = dict.fromkeys(range(3), "x" * 5 * LONGEST_TEXT)
    write_evidence(artifacts_in(tmp_path), "search-00001", one({"a,b": np.ones(3)}, text))
    found = read_evidence(artifacts_in(tmp_path), "search-00001")
    assert found is not None
    assert {len(t) for t in found.tasks[0].texts.values()} == {LONGEST_TEXT}


def test_no_evidence_is_none_and_a_spoilt_file_is_named(tmp_path: Path) -> None:
    assert read_evidence(artifacts_in(tmp_path), "search-00000") is None
    write_evidence(artifacts_in(tmp_path), "search-00000", one({"acc,none": np.ones(4)}))
    path = tmp_path / FOLDER / "search-00000.npz"
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(RunError, match=r"search-00000\.npz: cannot be read as evidence"):
            read_evidence(artifacts_in(tmp_path), "search-00000")


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / FOLDER / "search-00000.npz"
    path.parent.mkdir()
    with path.open("wb") as file:
        np.savez(file, header=np.array([{"format": 1}], dtype=object))
    with pytest.raises(RunError, match="cannot be read as evidence"):
        read_evidence(artifacts_in(tmp_path), "search-00000")


def test_another_format_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("optimerge.records.evidence.FORMAT", 9)
        write_evidence(artifacts_in(tmp_path), "x", one({"acc,none": np.ones(4)}))
    with pytest.raises(RunError, match=r"format 9.*the optimerge that wrote it"):
        read_evidence(artifacts_in(tmp_path), "x")


def test_nothing_is_left_of_a_write_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(RunError, match="No space left on device"):
        write_evidence(artifacts_in(tmp_path), "x", one({"acc,none": np.ones(4)}))
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_items_are_kept_once(tmp_path: Path) -> None:
    items = {3: Item("Q: ä", [" yes", " no"]), 9: Item("Q: b")}
    write_items(artifacts_in(tmp_path), "ab12", items)
    write_items(artifacts_in(tmp_path), "ab12", {})
    assert read_items(artifacts_in(tmp_path), "ab12") == {
        3: Item("Q: ä", [" yes", " no"]),
        9: Item("Q: b", []),
    }
    assert read_items(artifacts_in(tmp_path), "cd34") == {}
    (tmp_path / FOLDER / "items-ab12.jsonl.gz").write_bytes(b"spoilt")
    with pytest.raises(RunError, match="cannot be read"):
        read_items(artifacts_in(tmp_path), "ab12")
