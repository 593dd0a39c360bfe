"""Data that is missing, cut off or empty: one sentence with the remedy, and the next try works."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from optimerge.errors import TaskError
from optimerge.objectives import built_in
from optimerge.objectives.tasks import check_tasks
from optimerge.space.objectives import TaskObjective

SPEC = TaskObjective(task="mine")
ROWS = [{"q": f"q{n}", "a": "b"} for n in range(5)]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write the data of a task and the task."""

    def write(text: str, **keys: Any) -> Path:
        data = tmp_path / "data.jsonl"
        data.write_text(text)
        task = {
            "task": "mine",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "output_type": "loglikelihood",
            "test_split": "test",
            "doc_to_text": "{{q}}",
            "doc_to_target": "{{a}}",
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
            **keys,
        }
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(task))
        return tmp_path

    return write


def says(folder: Path | None, *words: str, spec: TaskObjective = SPEC) -> None:
    with pytest.raises(TaskError) as caught:
        check_tasks([spec], folder)
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text, text


def lines(rows: list[dict[str, str]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_data_cut_off_in_the_middle_and_mended_works_the_next_time(
    write: Callable[..., Path],
) -> None:
    folder = write(lines(ROWS)[:-9])
    says(
        folder,
        "dataset 'json' of task 'mine' could not be read to the end",
        "run the command again",
    )
    assert check_tasks([SPEC], write(lines(ROWS)))["mine"].documents == 5


def test_a_download_cut_off_is_told_and_the_next_try_works(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    load, tries = datasets.load_dataset, []

    def falters(**options: Any) -> Any:
        tries.append(options)
        if len(tries) == 1:
            raise ConnectionResetError(104, "Connection reset by peer")
        return load(**options)

    monkeypatch.setattr(datasets, "load_dataset", falters)
    folder = write(lines(ROWS))
    says(folder, "dataset 'json'", "reset by peer", "a download was cut off")
    assert check_tasks([SPEC], folder)["mine"].documents == 5


def test_without_a_network_a_hub_dataset_is_not_waited_for(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`datasets` retries for half a minute; offline it looks at once for what it has."""
    import datasets
    from huggingface_hub import constants

    asked: list[str] = []

    def unknown(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for name in (
        "ALL_PROXY",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "all_proxy",
        "https_proxy",
        "http_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    folder = write("", dataset_path="nobody/nothing", dataset_kwargs={})
    says(
        folder,
        "dataset 'nobody/nothing' of task 'mine' is not on this machine",
        "`optimerge check` once with a network",
        "dataset_path",
    )
    assert len(asked) == 1
    assert not constants.HF_HUB_OFFLINE
    assert not datasets.config.HF_HUB_OFFLINE


def test_local_data_asks_for_no_network(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("asked"))
    assert check_tasks([SPEC], write(lines(ROWS)))["mine"].documents == 5


def test_no_documents(write: Callable[..., Path]) -> None:
    folder = write(lines(ROWS))
    (folder / "helper.py").write_text("def none(docs):\n    return docs.select([])\n")
    with (folder / "mine.yaml").open("a") as file:
        file.write("process_docs: !function helper.none\n")
    with pytest.raises(TaskError, match="task 'mine' has no documents to score"):
        check_tasks([SPEC], folder, allow_code=True)
    files = {"test": str(folder / "data.jsonl")}
    kwargs = {"data_files": files, "split": {"test": "test[:0]"}}
    says(write(lines(ROWS), dataset_kwargs=kwargs), "task 'mine' has no documents to score")


@pytest.fixture
def index(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of lm-eval's own; the whole index of it must not be needed."""
    folder = tmp_path_factory.mktemp("built_in")
    monkeypatch.setattr(built_in, "folder", lambda: folder)
    monkeypatch.setattr(built_in, "whole_index", lambda _: pytest.fail("read the whole index"))
    return folder


def test_built_in_names_are_found_without_the_whole_index(index: Path) -> None:
    (index / "a.yaml").write_text("'task': \"plain_name\"  # a comment\ntag:\n  - some\n  - two\n")
    (index / "_base").write_text("tag: [two]\n")
    (index / "b.yaml").write_text("include: _base\ntask: other\n")
    (index / "c.yaml").write_text("group: all_of_them\ntask:\n  - two\n  - task: plain_name\n")
    (index / "d.yaml").write_text(
        "group: later\ntask: [all_of_them, {group: on_the_spot, task: [other]}]\n"
    )
    for name, needed in (
        ("plain_name", set()),
        ("two", {"plain_name", "other"}),
        ("all_of_them", {"two", "plain_name", "other"}),
        ("later", {"all_of_them", "other"}),
    ):
        found: dict[str, Any] = {}
        assert built_in.add_built_in(found, name)
        built_in.add_members(found, name)
        assert {name, *needed} <= set(found)
    assert found["two"].tags == {"plain_name", "other"}
    assert not built_in.add_built_in({}, "plain")


def test_a_misspelt_name_is_told_without_the_whole_index(
    index: Path, write: Callable[..., Path]
) -> None:
    (index / "a.yaml").write_text("task: hellaswag\ntag: common\n")
    folder = write(lines(ROWS))
    for name, meant in (("hellaswagg", "hellaswag"), ("minne", "mine"), ("comon", "common")):
        says(folder, f"'{name}'", f"did you mean '{meant}'?", spec=TaskObjective(task=name))


def test_a_name_that_only_the_whole_index_knows_is_found(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (index / "a.yaml").write_text('{"task": "inside_a_flow", "output_type": "loglikelihood"}\n')
    monkeypatch.undo()
    monkeypatch.setattr(built_in, "folder", lambda: index)
    found: dict[str, Any] = {}
    assert built_in.add_built_in(found, "inside_a_flow")


@pytest.mark.slow
def test_every_name_of_lm_evals_own_index_is_found() -> None:
    known = built_in.names(built_in.folder())
    whole = built_in.whole_index(built_in.folder())
    for name, entry in whole.items():
        if entry.kind.name == "TAG":
            found = built_in._parsed(known.tags[name]) if len(entry.tags) < 50 else whole
            assert found[name].tags == entry.tags, name
        else:
            assert known.files[name] == entry.yaml_path, name
