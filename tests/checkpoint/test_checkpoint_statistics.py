"""Files of statistics: any safetensors reader reads them, and what does not belong is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from optimerge.checkpoint.statistics import (
    Measurement,
    open_statistics_file,
    statistics_path,
    write_statistics,
)
from optimerge.errors import CheckpointError

ABOUT = Measurement(
    kind="gram",
    model="org/red",
    digest="12ab",
    source="text a.txt",
    documents=3,
    documents_digest="cd",
    tokens=30,
    seed=0,
    max_length=9,
    optimerge="0.1.0",
    axes={"b": -2},
)


def written(folder: Path, about: Measurement = ABOUT) -> dict[str, torch.Tensor]:
    tensors = {"b": torch.rand(3, 3), "a": torch.rand(2, 2).t(), "c": torch.zeros(0, 4)}
    shapes = {name: tuple(t.shape) for name, t in tensors.items()}
    write_statistics(folder, about, shapes, tensors.__getitem__)
    return tensors


def test_what_is_written_is_read_again(tmp_path: Path):
    tensors = written(tmp_path / "new" / "red")
    file = open_statistics_file(tmp_path / "new" / "red", "gram")
    assert file.about == ABOUT
    library = load_file(statistics_path(tmp_path / "new" / "red", "gram"))
    assert library.keys() == file.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        found = file.read(name)
        assert found is not None
        assert torch.equal(found.values, tensor)
        assert torch.equal(library[name], tensor)
        assert found.axis == (-2 if name == "b" else -1)
    assert file.read("unknown") is None
    assert sorted(p.name for p in (tmp_path / "new" / "red").iterdir()) == ["gram.json", "gram.safetensors"]  # fmt: skip


def test_measuring_again_replaces_what_was_there(tmp_path: Path):
    written(tmp_path)
    tensors = written(tmp_path, replace(ABOUT, seed=5))
    file = open_statistics_file(tmp_path, "gram")
    assert file.about.seed == 5
    found = file.read("a")
    assert found is not None
    assert torch.equal(found.values, tensors["a"])


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path):
    tensors = written(tmp_path)

    def fails(name: str) -> torch.Tensor:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        write_statistics(tmp_path, replace(ABOUT, seed=5), {"a": (2, 2)}, fails)
    file = open_statistics_file(tmp_path, "gram")
    assert file.about.seed == 0
    assert len(list(tmp_path.iterdir())) == 2
    found = file.read("b")
    assert found is not None
    assert torch.equal(found.values, tensors["b"])


def test_another_kind_is_named(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"has no fisher.json: it holds no statistics"):
        open_statistics_file(tmp_path, "fisher")
    written(tmp_path)
    with pytest.raises(CheckpointError, match=r"has no fisher.json: it holds gram"):
        open_statistics_file(tmp_path, "fisher")


def test_tensors_that_do_not_belong_to_the_note_are_refused(tmp_path: Path):
    written(tmp_path)
    save_file({"a": torch.ones(2, 2)}, statistics_path(tmp_path, "gram"))
    with pytest.raises(CheckpointError, match="is not about the tensors beside it"):
        open_statistics_file(tmp_path, "gram")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"format": 1', '"format": 2', "has the format 2, not 1"),
        ('"seed": 0,', "", "cannot be read"),
        ('"seed": 0,', '"sneed": 0,', "cannot be read"),
        ("{", "", "is not valid JSON"),
    ],
)
def test_a_note_that_cannot_be_read_is_refused(tmp_path: Path, old: str, new: str, said: str):
    written(tmp_path)
    note = tmp_path / "gram.json"
    assert old in note.read_text()
    note.write_text(note.read_text().replace(old, new, 1))
    with pytest.raises(CheckpointError, match=said):
        open_statistics_file(tmp_path, "gram")


def test_a_cut_file_is_refused(tmp_path: Path):
    written(tmp_path)
    file = statistics_path(tmp_path, "gram")
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(CheckpointError, match="is no whole safetensors file"):
        open_statistics_file(tmp_path, "gram")
