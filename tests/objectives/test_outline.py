"""What a task's YAML says of its metric is what the built task says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from optimerge.errors import TaskError
from optimerge.objectives import built_in
from optimerge.objectives.loading import TaskLibrary
from optimerge.objectives.outline import Outlined, outlined
from optimerge.objectives.tasks import check_tasks
from optimerge.space.objectives import TaskObjective


@pytest.fixture(autouse=True)
def _no_built_in_tasks(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """lm-eval has 14,000 files."""
    empty = tmp_path_factory.mktemp("built_in")
    monkeypatch.setattr(built_in, "folder", lambda: empty)


def outline(folder: Path, task: str, **fields: Any) -> Outlined:
    library = TaskLibrary(folder, allow_code=True)
    return outlined(library, TaskObjective(task=task, **fields))


def outcome(call: Any) -> str:
    """Return what a call gives, or says."""
    try:
        return str(call())
    except TaskError as error:
        return str(error)


def both(folder: Path, task: str, metric: str | None) -> tuple[str, str]:
    spec = TaskObjective(task=task, metric=metric)

    def by_yaml() -> str:
        found = outline(folder, task, metric=metric)
        assert found.metric is not None
        return f"{found.metric.direction} {found.metric} {found.num_fewshot}"

    def by_task() -> str:
        facts = check_tasks([spec], folder, allow_code=True)[task]
        return f"{facts.direction} {facts.metric} {facts.num_fewshot}"

    return outcome(by_yaml), outcome(by_task)


@pytest.mark.parametrize(
    "metric", [None, "acc", "score", "log_loss", "exact_match", "f1", "acc,no"]
)
def test_every_task_has_the_metric_that_it_has_once_built(tasks: Path, metric: str | None) -> None:
    names = sorted(
        yaml.safe_load(f.read_text().partition("process_results")[0])["task"]
        for f in tasks.glob("*.yaml")
    )
    assert len(names) >= 5
    for name in names:
        said, built = both(tasks, name, metric)
        assert said == built, name


def test_a_group_and_a_member_with_settings_of_its_own(tasks: Path, tmp_path: Path) -> None:
    config = yaml.safe_load((tasks / "pick.yaml").read_text())
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({**config, "task": name}))
    listed = [{"metric": "acc", "aggregation": "mean", "weight_by_size": True}]
    group = {
        "group": "all",
        "task": ["one", {"task": "two", "num_fewshot": 1}],
        "aggregate_metric_list": listed,
    }
    (tmp_path / "all.yaml").write_text(yaml.safe_dump(group))
    inner = {
        "group": "whole",
        "task": [{"group": "part", "task": ["one"], "aggregate_metric_list": listed}, "two"],
        "aggregate_metric_list": listed,
    }
    (tmp_path / "whole.yaml").write_text(yaml.safe_dump(inner))
    for name in ("all", "whole"):
        found = outline(tmp_path, name)
        assert found.is_group
        assert [task.task_name for task in found.tasks] == ["one", "two"]
        said, built = both(tmp_path, name, None)
        assert said == built
    assert [task.get_config("num_fewshot") for task in outline(tmp_path, "all").tasks][1] == 1
    said, built = both(tmp_path, "all", "f1")
    assert said == built
    assert "has no metric 'f1'" in said


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"unsafe_code": True}, "runs code that the model writes"),
        ({"doc_to_image": "{{image}}"}, "needs images or sound"),
        ({"metric_list": [{"aggregation": "mean"}]}, "says what no task does (KeyError: 'metric')"),
        ({"metric_list": 3}, "says what no task does"),
    ],
)
def test_a_task_that_cannot_be_scored(
    tasks: Path, tmp_path: Path, keys: dict[str, Any], words: str
) -> None:
    config = yaml.safe_load((tasks / "pick.yaml").read_text())
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**config, "task": "mine", **keys}))
    with pytest.raises(TaskError) as caught:
        outline(tmp_path, "mine")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_task_that_is_python_keeps_its_metric_to_itself(tasks: Path, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("task: own\nclass: !function none.Task\n")
    assert outline(tmp_path, "own").metric is None
