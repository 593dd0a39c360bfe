"""Python that a local task file names does not run unless the user allowed it."""

from pathlib import Path

import pytest

from optimerge.errors import TaskError
from optimerge.objectives.tasks import check_tasks
from optimerge.space.objectives import TaskObjective

TASK = """\
task: coded
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
output_type: loglikelihood
test_split: test
doc_to_text: "{{{{q}}}}"
doc_to_target: "{{{{a}}}}"
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data.jsonl"
    data.write_text('{"q": "a", "a": "b"}\n' * 3)
    (tmp_path / "coded.yaml").write_text(TASK.format(data=data))
    (tmp_path / "helper.py").write_text(
        f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
        "def docs(dataset):\n    return dataset\n"
    )
    return tmp_path


def tag(folder: Path, file: str = "coded.yaml") -> None:
    with (folder / file).open("a") as yaml:
        yaml.write("process_docs: !function helper.docs\n")


def test_a_task_without_code_needs_no_consent(folder: Path) -> None:
    assert check_tasks([TaskObjective(task="coded")], folder)["coded"].documents == 3


def test_code_does_not_run_without_consent(folder: Path) -> None:
    tag(folder)
    with pytest.raises(TaskError, match=r"coded\.yaml names Python code.*--allow-code"):
        check_tasks([TaskObjective(task="coded")], folder)
    assert not (folder / "ran").exists()


def test_code_in_an_included_file_does_not_run_either(folder: Path) -> None:
    (folder / "coded.yaml").rename(folder / "_base_yaml")
    tag(folder, "_base_yaml")
    (folder / "coded.yaml").write_text("include: _base_yaml\ntask: coded\n")
    with pytest.raises(TaskError, match="names Python code"):
        check_tasks([TaskObjective(task="coded")], folder)
    assert not (folder / "ran").exists()


def test_code_runs_with_consent(folder: Path) -> None:
    tag(folder)
    check_tasks([TaskObjective(task="coded")], folder, allow_code=True)
    assert (folder / "ran").exists()
