"""A build that is stopped after every single tensor, and gone on with, gives the same bytes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from vocabulary_family import make_family

from optimerge.export import build as building
from optimerge.export.build import build

DENSE = {
    "merge_method": "dare_ties",
    "base_model": "base",
    "models": [
        {"model": "red", "parameters": {"weight": 0.5, "density": 0.4}},
        {"model": "blue", "parameters": {"weight": 0.3, "density": 0.6}},
    ],
}
TOKENS = {
    "merge_method": "dare_linear",
    "base_model": "base",
    "models": [
        {"model": "chat", "parameters": {"weight": 0.5, "density": 0.4}},
        {"model": "other", "parameters": {"weight": 0.3, "density": 0.6}},
    ],
    "tokenizer": {"source": "union", "pad_to_multiple_of": 8},
    "chat_template": "chatml",
}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda file: None)


def write_recipe(folder: Path, data: dict[str, Any]) -> Path:
    (folder / "recipe.yaml").write_text(yaml.safe_dump(data))
    return folder / "recipe.yaml"


@pytest.fixture
def dense(family: Path) -> Path:
    return write_recipe(family, DENSE)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """Vocabularies of different size: tables of tokens are resized."""
    make_family(tmp_path / "family", "bfloat16")
    return write_recipe(tmp_path / "family", TOKENS)


@pytest.fixture
def copies(family: Path) -> Path:
    """Tensors that are not merged but copied stand behind the others."""
    for name in ("base", "red", "blue"):
        file = family / name / "model.safetensors"
        more = {
            f"model.layers.{n}.rotary_emb.inv_freq": torch.full((3,), float(n)) for n in range(3)
        }
        save_file({**load_file(file), **more}, file, metadata={"format": "pt"})
    return write_recipe(family, DENSE)


def contents(folder: Path) -> dict[str, bytes]:
    """Return what a folder holds but for the card and the note, which name the folder."""
    names = ("README.md", ".optimerge-build.json")
    return {f.name: f.read_bytes() for f in folder.iterdir() if f.name not in names}


def stop_after(tensors: int) -> Callable[[int, int], None]:
    start: list[int] = []

    def progress(done: int, total: int) -> None:
        start.append(done)
        if done - start[0] == tensors:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("mode", ["fast", "exact"])
@pytest.mark.parametrize("kind", ["dense", "tokens", "copies"])
def test_stopped_after_every_tensor(
    kind: str, mode: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    recipe: Path = request.getfixturevalue(kind)
    whole = build(recipe, tmp_path / "whole", mode=mode, seed=3)
    out, stops = tmp_path / "out", 0
    while not out.exists():
        try:
            assert build(recipe, out, mode=mode, seed=3, progress=stop_after(1)) != whole
        except KeyboardInterrupt:
            stops += 1
            assert stops <= whole.tensors
    assert stops == whole.tensors
    assert contents(out) == contents(tmp_path / "whole")
    assert sorted(os.listdir(tmp_path)) == ["family", "out", "whole"]


def test_a_stream_that_starts_anew_is_noticed(
    dense: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above would see a random stream that is not gone on with."""
    build(dense, tmp_path / "whole", mode="exact", seed=3)
    with pytest.raises(KeyboardInterrupt):
        build(dense, tmp_path / "out", mode="exact", seed=3, progress=stop_after(9))
    start = building.CheckpointWriter._start

    def forgetful(self: Any, journal: Any) -> None:
        start(self, journal)
        self._reached = (self.done, "")

    monkeypatch.setattr(building.CheckpointWriter, "_start", forgetful)
    build(dense, tmp_path / "out", mode="exact", seed=3)
    assert contents(tmp_path / "out") != contents(tmp_path / "whole")


def stopped(recipe: Path, out: Path, **options: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(recipe, out, progress=stop_after(10), **options)


def touch_a_parent(recipe: Path) -> None:
    file = recipe.parent / "red" / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1:] = b"\x3e"  # one byte, where no sampled digest looks
    file.write_bytes(data)


def change_a_number(recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace("0.3", "0.31"))


def pad_more(recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace("of: 8", "of: 4"))


def rename_a_token(recipe: Path) -> None:
    file = recipe.parent / "other" / "tokenizer.json"
    text = file.read_text()
    assert '"apple"' in text
    file.write_text(text.replace('"apple"', '"pear"'))


@pytest.mark.parametrize(
    ("kind", "change", "options", "words"),
    [
        ("dense", touch_a_parent, {}, "models"),
        ("dense", change_a_number, {}, "recipe"),
        ("dense", None, {"seed": 2}, "seed"),
        ("dense", None, {"mode": "exact"}, "mode"),
        ("dense", None, {"allow_nan": True}, "allow-nan"),
        ("tokens", pad_more, {}, "recipe"),
        ("tokens", rename_a_token, {}, "models"),
    ],
)
def test_a_build_of_something_else_starts_anew_and_says_why(
    kind: str,
    change: Callable[[Path], None] | None,
    options: dict[str, Any],
    words: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    recipe: Path = request.getfixturevalue(kind)
    out = tmp_path / "out"
    stopped(recipe, out, seed=1)
    if change:
        change(recipe)
    starts: list[int] = []
    remarks: list[str] = []
    options = {"seed": 1, **options}
    build(recipe, out, progress=lambda n, _: starts.append(n), remark=remarks.append, **options)
    assert starts[0] == 0
    (remark,) = remarks
    assert f"differs from this one in its {words};" in remark
    build(recipe, tmp_path / "anew", **options)
    assert contents(out) == contents(tmp_path / "anew")


def test_going_on_says_from_where(dense: Path, tmp_path: Path) -> None:
    stopped(dense, tmp_path / "out")
    starts: list[int] = []
    remarks: list[str] = []
    build(dense, tmp_path / "out", progress=lambda n, _: starts.append(n), remark=remarks.append)
    assert starts[0] == 10
    assert remarks == [
        f"10 of {starts[-1]} tensors are there from an earlier run, which this one goes on with"
    ]


def test_a_target_in_the_way_is_refused_before_the_recipe_is_read(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(Exception, match="exists and is not empty"):
        build(tmp_path / "none.yaml", tmp_path / "out")
