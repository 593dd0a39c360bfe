"""Model folders of strangers: pickles, paths and links that lead out, files beyond all bounds."""

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from strange_models import HEADER, file_of
from strange_runs import Payload

from optimerge.checkpoint.copying import copy_content
from optimerge.checkpoint.folder import open_checkpoint
from optimerge.checkpoint.sidefiles import copy_side_files
from optimerge.checkpoint.statistics import open_statistics_file
from optimerge.checkpoint.tokenizer import read_tokenizer
from optimerge.checkpoint.tokenizer_write import read_chat_template
from optimerge.checkpoint.weights import INDEX, SINGLE, find_tensors
from optimerge.errors import CheckpointError


@pytest.mark.parametrize(
    "name",
    [
        "pytorch_model.bin",
        "pytorch_model-00001-of-00002.bin",
        "model.pt",
        "consolidated.00.pth",
        "last.ckpt",
        "weights.pkl",
        "weights.pickle",
    ],
)
def test_pickled_weights_are_refused_and_not_run(base: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(base, folder)
    (folder / SINGLE).unlink()
    (folder / name).write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(CheckpointError, match=rf"pickled weights.*{name}.*save_pretrained"):
        open_checkpoint(str(folder))
    shutil.copyfile(folder / name, folder / SINGLE)
    with pytest.raises(CheckpointError, match="no whole safetensors file"):
        open_checkpoint(str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "shard",
    [
        "../../x.safetensors",
        "/x.safetensors",
        "a/b.safetensors",
        "..",
        ".",
        "",
        "a\0b",
        3,
        "x" * 300,
    ],
)
def test_shards_lie_in_the_model_s_folder(base: Path, tmp_path: Path, shard: Any) -> None:
    folder = tmp_path / "a" / "model"
    shutil.copytree(base, folder)
    (folder / SINGLE).unlink()
    (tmp_path / "x.safetensors").write_bytes(file_of(HEADER, 82))
    (folder / INDEX).write_text(json.dumps({"weight_map": {"model.norm.weight": shard}}))
    with pytest.raises(CheckpointError, match=r"which is no file name|lacks the shard"):
        find_tensors(folder)


@pytest.mark.parametrize(
    "name", ["LICENSE", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]
)
def test_links_out_of_a_model_s_folder_are_not_copied(
    base: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(base, folder)
    (tmp_path / "secret").write_text('{"secret": 1}')
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / "secret")
    (tmp_path / "out").mkdir()
    with pytest.raises(CheckpointError, match="is a link out of the model's folder"):
        copy_side_files(open_checkpoint(str(folder)), tmp_path / "out", None, None)
    assert not (tmp_path / "out" / name).exists()


def test_links_of_the_hub_s_cache_and_inside_a_folder_are_followed(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--a--b" / "snapshots" / "1234"
    blobs = tmp_path / "models--a--b" / "blobs"
    for place in (snapshot, blobs):
        place.mkdir(parents=True)
    (blobs / "f00").write_text("from the cache")
    (snapshot / "LICENSE").symlink_to(os.path.relpath(blobs / "f00", snapshot))
    (snapshot / "NOTICE").symlink_to("LICENSE")
    for name in ("LICENSE", "NOTICE"):
        copy_content(snapshot / name, snapshot, tmp_path / name)
        assert (tmp_path / name).read_text() == "from the cache"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": ' * 51 + b"1" + b"}" * 51, "nested deeper than 50"),
        (b"[" * 100_000, "is not valid JSON"),
        (b'{"a": "\\ud800"}', "surrogates not allowed"),
        (b'{"a": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
        (b'{"model_type": ["llama"]}', r"model_type .* which no model has"),
        (b'{"num_hidden_layers": 1000000000}', r"num_hidden_layers .* which no model has"),
        (b'{"layer_types": [["full"]]}', r"layer_types .* which no model has"),
        (b'{"num_hidden_layers": -1}', r"num_hidden_layers .* which no model has"),
        (b'{"text_config": {"num_hidden_layers": true}}', "which no model has"),
        (b"[]", "is not a JSON object but a list"),
        (b"\xff", "is not valid JSON"),
    ],
)
def test_configs_are_read_within_bounds(
    base: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(base, folder)
    (folder / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        open_checkpoint(str(folder))


@pytest.mark.parametrize(
    "settings",
    [
        {"added_tokens_decoder": {"t": {"content": "x"}}},
        {"added_tokens_decoder": {"0": None}},
        {"added_tokens_decoder": {"0": {"special": True}}},
        {"extra_special_tokens": True},
        {"extra_special_tokens": [True]},
        {"pad_token": {"content": ["x"]}},
    ],
)
def test_tokens_that_are_none_are_refused(
    base: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(base, folder)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match=r"tokenizer_config\.json .* names are none"):
        read_tokenizer(folder)


def test_a_template_of_an_odd_name_is_passed_over(tmp_path: Path) -> None:
    templates = [{"name": ["default"]}, 3, {"name": "default", "template": "{{ x }}"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": templates}))
    assert read_chat_template(tmp_path) == "{{ x }}"


def test_a_note_that_is_nested_too_deep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fisher.safetensors").write_bytes(file_of(HEADER, 82))
    (tmp_path / "fisher.json").write_text('{"a": ' + "[" * 5000)
    with pytest.raises(CheckpointError, match=r"fisher\.json' is not valid JSON"):
        open_statistics_file(tmp_path, "fisher")
