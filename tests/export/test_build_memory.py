"""A build holds the tensors of one name only: those read for it, and what it makes of them."""

import os
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from optimerge.checkpoint.read import TensorReader
from optimerge.checkpoint.write import CheckpointWriter
from optimerge.export import merging
from optimerge.export.build import build

RECIPE = """\
merge_method: ties
base_model: base
models:
- {model: red, parameters: {weight: 0.5, density: 0.4}}
- {model: blue, parameters: {weight: 0.3, density: 0.6}}
dtype: float32
out_dtype: bfloat16
"""


class Held:
    """Which of the tensors that were read or made are still there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known: list[weakref.ref[torch.Tensor]] = []
        self.most_read = self.most_written = 0
        read, add = TensorReader.read, CheckpointWriter.add

        def reading(reader: TensorReader, *args: Any) -> torch.Tensor:
            self.known.append(weakref.ref(found := read(reader, *args)))
            self.most_read = max(self.most_read, self.count())
            return found

        def adding(writer: CheckpointWriter, name: str, tensor: torch.Tensor, *args: Any) -> None:
            self.known.append(weakref.ref(tensor))
            self.most_written = max(self.most_written, self.count())
            add(writer, name, tensor, *args)

        monkeypatch.setattr(os, "fsync", lambda file: None)
        monkeypatch.setattr(TensorReader, "read", reading)
        monkeypatch.setattr(CheckpointWriter, "add", adding)

    def count(self) -> int:
        self.known = [ref for ref in self.known if ref() is not None]
        return len(self.known)


def test_only_the_tensors_of_one_name_are_held(
    family: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (family / "recipe.yaml").write_text(RECIPE)
    held = Held(monkeypatch)
    build(family / "recipe.yaml", tmp_path / "out")
    assert held.most_read == 3
    assert held.most_written == 1
    assert held.count() == 0


def test_a_tensor_that_stays_is_seen(
    family: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (family / "recipe.yaml").write_text(RECIPE)
    merge, kept = merging.merge_apart, []

    def keeping(*args: Any) -> torch.Tensor:
        kept[:] = [merge(*args)]
        return kept[0]

    monkeypatch.setattr(merging, "merge_apart", keeping)
    (family / "recipe.yaml").write_text(RECIPE.replace("out_dtype: bfloat16", ""))
    held = Held(monkeypatch)
    build(family / "recipe.yaml", tmp_path / "out")
    assert held.most_read == 4
