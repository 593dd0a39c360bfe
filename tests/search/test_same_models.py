"""A model's file that is replaced while a run lives is noticed when the run is resumed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimerge.checkpoint.digest import part_digests
from optimerge.checkpoint.folder import open_checkpoint
from optimerge.errors import RunError
from optimerge.records.run import RunInfo, create_run
from optimerge.search.models import open_models
from optimerge.search.same_models import model_digests, refuse_other_models
from optimerge.space.read import read_space


def resumed(family: Path, folder: Path, before: Any) -> None:
    info = RunInfo("", "space.yaml", "d", {"t": "maximize"}, 2, 0, False, models=before)
    run = create_run(folder, info)
    models = open_models(read_space(family / "space.yaml"))
    folders = {c.reference: c.path for c in models.checkpoints}
    refuse_other_models(run, model_digests(models), folders)


def other_numbers(folder: Path) -> None:
    """Replace the weights by others of the same size and header."""
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    data[start:] = bytes(b ^ 1 for b in data[start:])
    stat = file.stat()
    file.write_bytes(data)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # its time shows nothing


def other_config(folder: Path) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"rms_norm_eps": 0.1}))


def other_tokens(folder: Path) -> None:
    """Two words change places: every prompt of them becomes another."""
    file = folder.parent / "base" / "tokenizer.json"
    data = json.loads(file.read_text())
    words = data["model"]["vocab"]
    words["w1"], words["w2"] = words["w2"], words["w1"]
    file.write_text(json.dumps(data))


def no_settings(folder: Path) -> None:
    (folder.parent / "base" / "tokenizer_config.json").unlink()


def another_template(folder: Path) -> None:
    (folder.parent / "base" / "chat_template.jinja").write_text("{{ messages }}")


def renamed(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    from safetensors import safe_open

    with safe_open(folder / "model-00001-of-00001.safetensors", "pt") as file:
        names = list(file.keys())
    index = {"weight_map": dict.fromkeys(names, "model-00001-of-00001.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (other_numbers, r"red/model\.safetensors of the model red was replaced"),
        (other_config, r"red/config\.json of the model red was replaced"),
        (renamed, r"red/model\.safetensors of the model red is gone"),
        (other_tokens, r"base/tokenizer\.json of the model base was replaced"),
        (no_settings, r"base/tokenizer_config\.json of the model base is gone"),
        (another_template, r"base/chat_template\.jinja of the model base was added"),
    ],
)
def test_a_change_is_refused_with_the_file_and_the_remedy(
    family: Path, tmp_path: Path, change: Callable[[Path], None], says: str
) -> None:
    before = model_digests(open_models(read_space(family / "space.yaml")))
    change(family / "red")
    with pytest.raises(RunError, match=says + r".*put the old file back, or give another") as error:
        resumed(family, tmp_path / "run", before)
    assert "\n" not in str(error.value)


def test_what_is_copied_or_touched_is_the_same(family: Path, tmp_path: Path) -> None:
    before = model_digests(open_models(read_space(family / "space.yaml")))
    shutil.copytree(family, tmp_path / "copy")
    os.utime(tmp_path / "copy" / "red" / "model.safetensors", ns=(1, 1))
    resumed(tmp_path / "copy", tmp_path / "run", before)


def test_a_tokenizer_that_is_not_used_may_change(family: Path, tmp_path: Path) -> None:
    before = model_digests(open_models(read_space(family / "space.yaml")))
    (family / "red" / "tokenizer_config.json").unlink()
    resumed(family, tmp_path / "run", before)


def test_where_the_space_names_a_tokenizer_all_of_them_count(family: Path, tmp_path: Path) -> None:
    space = family / "space.yaml"
    text = space.read_text().replace("  - sparsity: nonzero\n", "")
    space.write_text(text + "tokenizer: {source: union}\n")
    before = model_digests(open_models(read_space(space)))
    (family / "red" / "tokenizer_config.json").unlink()
    with pytest.raises(RunError, match=r"red/tokenizer_config\.json of the model red is gone"):
        resumed(family, tmp_path / "run", before)


def test_a_file_that_was_added_is_named(family: Path, tmp_path: Path) -> None:
    before = {m: dict(d) for m, d in model_digests(open_models(read_space(family / "space.yaml"))).items()}  # fmt: skip
    del before["red"]["model.safetensors"]
    with pytest.raises(RunError, match=r"red/model\.safetensors of the model red was added"):
        resumed(family, tmp_path / "run", before)


def test_each_file_has_a_digest(made_family: Path) -> None:
    digests = [part_digests(open_checkpoint(str(made_family / n))) for n in ("red", "blue")]
    assert [*digests[0]] == ["config.json", "model.safetensors"]
    assert digests[0]["model.safetensors"] != digests[1]["model.safetensors"]
    assert digests[0]["config.json"] == digests[1]["config.json"]


def test_a_search_is_not_resumed_on_another_model(
    family: Path, tmp_path: Path, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(family, tmp_path / "run")
    other_numbers(family / "blue")
    loaded = []
    from optimerge.search import resident

    monkeypatch.setattr(resident, "load_engine", loaded.append)
    with pytest.raises(RunError, match=r"blue/model\.safetensors of the model blue was replaced"):
        opened(family, tmp_path / "run")
    assert not loaded  # before gigabytes are read


def test_a_search_is_not_resumed_on_other_items(family: Path, tmp_path: Path, opened: Any) -> None:
    """The documents of a task were replaced while the run lived."""
    task = family / "tasks" / "echo.yaml"
    data = next((family / "tasks").glob("*.jsonl"))
    own = family / "tasks" / "own.jsonl"
    shutil.copyfile(data, own)
    kept = [
        f"dataset_kwargs: {{data_files: {{test: {own}}}}}" if "data_files" in line else line
        for line in task.read_text().splitlines()
    ]
    task.write_text("\n".join(kept) + "\n")
    opened(family, tmp_path / "run")
    opened(family, tmp_path / "run")
    rows = [json.loads(line) for line in own.read_text().splitlines()]
    own.write_text("".join(json.dumps({**row, "gold": 3 - row["gold"]}) + "\n" for row in rows))
    with pytest.raises(
        RunError, match=r"what 'echo' scores, its items or its code, is not.*files back"
    ):
        opened(family, tmp_path / "run")
