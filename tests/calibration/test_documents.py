"""Calibration documents: never one that a search scores on."""

import json
from pathlib import Path

import pytest

from optimerge.calibration.documents import from_file, from_task
from optimerge.errors import TaskError

TASK = """\
task: sums
dataset_path: json
dataset_kwargs: {{data_files: {files}}}
output_type: {kind}
{splits}
num_fewshot: 0
doc_to_text: "{{{{q}}}} ="
doc_to_target: {target}
{more}
target_delimiter: " "
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
metadata: {{version: 1.0}}
"""


def rows(start: int, count: int) -> list[dict[str, object]]:
    return [{"q": f"{n} + 1", "options": [f"{n}", f"{n + 1}"], "gold": 1} for n in range(start, start + count)]  # fmt: skip


def task(folder: Path, splits: dict[str, list[dict[str, object]]], choices: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    files = {}
    for name, data in splits.items():
        file = folder / f"{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in data))
        files[name] = str(file)
    roles = {"train": "training_split", "dev": "validation_split", "test": "test_split"}
    text = TASK.format(
        files=json.dumps(files),
        kind="multiple_choice" if choices else "loglikelihood",
        splits="\n".join(f"{roles[name]}: {name}" for name in splits),
        target="gold" if choices else '"{{options[gold]}}"',
        more='doc_to_choice: "{{options}}"' if choices else "",
    )
    (folder / "sums.yaml").write_text(text)
    return folder


@pytest.mark.parametrize("choices", [True, False])
def test_documents_are_solved_training_examples(tmp_path: Path, choices: bool):
    folder = task(tmp_path, {"train": rows(0, 30), "test": rows(100, 5)}, choices)
    found = from_task("sums", folder, 8, seed=0)
    assert len(found.texts) == 8
    assert set(found.texts) < {f"{n} + 1 = {n + 1}" for n in range(30)}
    assert found.source == "task sums, training split"
    assert from_task("sums", folder, 8, seed=0) == found
    assert from_task("sums", folder, 8, seed=1).texts != found.texts


def test_the_validation_split_serves_if_searches_use_the_test_split(tmp_path: Path):
    found = from_task("sums", task(tmp_path, {"dev": rows(0, 3), "test": rows(9, 3)}), 8, seed=0)
    assert sorted(found.texts) == ["0 + 1 = 1", "1 + 1 = 2", "2 + 1 = 3"]


@pytest.mark.parametrize("only", ["test", "dev"])
def test_what_searches_score_on_is_refused(tmp_path: Path, only: str):
    with pytest.raises(TaskError, match=r"only a (test|validation) split.*give --text FILE"):
        from_task("sums", task(tmp_path, {only: rows(0, 9)}), 8, seed=0)


def test_training_examples_that_are_scored_too_are_left_out(tmp_path: Path):
    folder = task(tmp_path, {"train": rows(0, 10), "test": rows(4, 10)})
    assert sorted(from_task("sums", folder, 99, seed=0).texts) == [f"{n} + 1 = {n + 1}" for n in range(4)]  # fmt: skip
    with pytest.raises(TaskError, match="every document of its training split"):
        from_task("sums", task(tmp_path, {"train": rows(5, 3), "test": rows(4, 10)}), 8, seed=0)


def test_code_in_a_task_file_needs_consent(tmp_path: Path):
    folder = task(tmp_path, {"train": rows(0, 3), "test": rows(9, 3)})
    with (folder / "sums.yaml").open("a") as file:
        file.write("process_docs: !function mine.draw\n")
    with pytest.raises(TaskError, match="--allow-code"):
        from_task("sums", folder, 8, seed=0)


def test_a_text_file_has_one_document_a_line(tmp_path: Path):
    (tmp_path / "a.txt").write_text("one\n\n  two  \nthree")
    found = from_file(tmp_path / "a.txt", 9, seed=0)
    assert sorted(found.texts) == ["one", "three", "two"]
    assert len(from_file(tmp_path / "a.txt", 2, seed=0).texts) == 2
    (tmp_path / "a.jsonl").write_text('{"text": "two\\nlines"}\n\n{"text": "", "id": 1}\n')
    assert from_file(tmp_path / "a.jsonl", 9, seed=0).texts == ("two\nlines",)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", b"\n \n", "holds no text"),
        ("a.txt", b"\xff\xfe", "not UTF-8"),
        ("a.jsonl", b'{"text": "x"}\n{"body": "y"}', "line 2 is not"),
        ("a.jsonl", b'{"text": 3}', "line 1 is not"),
        ("none.txt", None, "cannot be read"),
    ],
)
def test_a_file_without_documents_is_refused(tmp_path: Path, name: str, text: bytes | None, said: str):  # fmt: skip
    if text is not None:
        (tmp_path / name).write_bytes(text)
    with pytest.raises(TaskError, match=said):
        from_file(tmp_path / name, 9, seed=0)
