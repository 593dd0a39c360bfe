"""Model folders of strangers: headers, indexes, configs, adapters, tokenizers, statistics."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mutations import DEEP, ODD, edited, mutated, only_our_errors, tier
from safetensors.torch import save_file
from strange_models import CONFIG, DATA, HEADER, SETTINGS, TOKENIZER, file_of

from optimerge.checkpoint.code import check_loading, code_of
from optimerge.checkpoint.differences import differences
from optimerge.checkpoint.fit import check_fit
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.journal import JOURNAL, open_journal
from optimerge.checkpoint.sidefiles import copy_side_files
from optimerge.checkpoint.statistics import open_statistics_file
from optimerge.checkpoint.tokenizer import read_tokenizer
from optimerge.checkpoint.tokenizer_write import read_chat_template, write_tokenizer
from optimerge.checkpoint.weights import INDEX, SINGLE

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
INDEX_DATA = {
    "metadata": {"total_size": 48},
    "weight_map": {
        "model.embed_tokens.weight": SHARDS[0],
        "model.layers.0.q.weight": SHARDS[1],
        "model.layers.1.q.weight": SHARDS[1],
        "model.norm.weight": SHARDS[1],
    },
}
ADAPTER = json.loads((DATA / "golden_lora/adapters/plain/adapter_config.json").read_text())
NOTE = {
    "format": 1,
    "kind": "fisher",
    "model": "base",
    "digest": "d",
    "source": "a test",
    "documents": 3,
    "documents_digest": "e",
    "tokens": 30,
    "seed": 0,
    "max_length": 100,
    "optimerge": "0",
    "axes": {"a": 0},
    "tensors": "x",
}
JSON_ODD = [*ODD, ["a", 3], {"weight_map": {}}, "F32", "BF16", "F4", "F8_E4M3", [2, 2], [0, 48]]
TOKENS = (
    *(b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"true", b"NaN", b"1e999", b"-1", b"0"),
    *(b"9" * 4400, b"[" * 1200, b'"\\ud800"', b"\\u0000", b"\xff", b"../../x.safetensors"),
)


def used(base: Path, name: str) -> Path:
    """Return a copy of the model whose files may be changed; it is used again."""
    folder = base.parent / name
    if not folder.exists():
        shutil.copytree(base, folder)
    return folder


def look(folder: Path) -> None:
    """Do what the commands do with a model before they read a weight."""
    opened = open_checkpoint(str(folder))
    assert 0 <= opened.layers <= 10_000
    facts = (opened.architecture, opened.model_type, opened.dtype, opened.tied)
    assert all(fact is not None for fact in facts)
    assert opened.bytes >= 0
    assert opened.parameters >= 0
    assert len(opened.merged) + len(opened.copied) == len(opened.tensors)
    code_of(folder)
    write(opened)
    differences([opened, opened])
    check_loading("m", folder, opened.config, trusted=False)
    check_fit([opened])


def write(opened: Checkpoint) -> None:
    """Write all that is made of a model's side files; nothing may come to lie elsewhere."""
    place = opened.path.parent / "out"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    before = sorted(path.name for path in place.parent.iterdir())
    try:
        copy_side_files(opened, place, "float32", 2)
        template = read_chat_template(opened.path)
        assert template is None or template
        tokenizer = read_tokenizer(opened.path)
        assert tokenizer.ids
        assert tokenizer.added is not None
        write_tokenizer(tokenizer, place)
    finally:
        assert sorted(path.name for path in place.parent.iterdir()) == before


def judge(base: Path, name: str, content: bytes) -> None:
    folder = used(base, f"with-{name}")
    (folder / name).write_bytes(content)
    with only_our_errors():
        look(folder)


def as_json(data: Any) -> bytes:
    return json.dumps(data).encode()


def odd_json(data: Any) -> st.SearchStrategy[bytes]:
    """Draw a JSON file like this one: with odd values, edited, or at random."""
    odd = mutated(data, JSON_ODD).map(as_json)
    return st.one_of(odd, odd, edited(as_json(data), TOKENS), st.binary(max_size=30))


FILES = {
    "config.json": CONFIG,
    "tokenizer_config.json": SETTINGS,
    "tokenizer.json": TOKENIZER,
    "special_tokens_map.json": {"pad_token": "<p>", "additional_special_tokens": ["<q>"]},
}
headers = mutated(HEADER, JSON_ODD)


@pytest.mark.parametrize("name", FILES)
@tier(25)
@given(data=st.data())
def test_odd_files(base: Path, name: str, data: st.DataObject) -> None:
    judge(base, name, data.draw(odd_json(FILES[name])))


@tier(50)
@given(header=headers, size=st.sampled_from([82, 82, 0, 81, 83, 48]))
def test_odd_headers(base: Path, header: Any, size: int) -> None:
    judge(base, SINGLE, file_of(header, size))


@tier(60)
@given(data=st.data())
def test_edited_weights(base: Path, data: st.DataObject) -> None:
    judge(base, SINGLE, data.draw(edited(file_of(HEADER, 82), TOKENS)))


@tier(40)
@given(content=odd_json(INDEX_DATA))
def test_odd_indexes(base: Path, content: bytes) -> None:
    judge_index(base, content)


@tier(40)
@given(content=odd_json(ADAPTER), header=st.one_of(st.none(), headers))
def test_odd_adapters(base: Path, content: bytes, header: Any) -> None:
    judge_adapter(base, content, header)


@tier(30)
@given(content=odd_json(NOTE))
def test_odd_statistics(base: Path, content: bytes) -> None:
    judge_statistics(base, content)


@tier(30)
@given(content=edited(b'{"key": {"a": "b"}}\n{"tensors": 1, "digest": "x", "state": ""}\n'))
def test_odd_journals_of_builds(tmp_path: Path, content: bytes) -> None:
    (tmp_path / JOURNAL).write_bytes(content)
    with only_our_errors():
        journal = open_journal(tmp_path, tmp_path / "out")
        journal.close(remove=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@tier(DEEP)
@given(data=st.data())
def test_many_odd_files(base: Path, name: str, data: st.DataObject) -> None:
    judge(base, name, data.draw(odd_json(FILES[name])))


@pytest.mark.slow
@tier(DEEP)
@given(header=headers, data=st.data())
def test_many_odd_weights(base: Path, header: Any, data: st.DataObject) -> None:
    whole = file_of(header, 82)
    judge(base, SINGLE, data.draw(st.one_of(st.just(whole), edited(whole, TOKENS))))


@pytest.mark.slow
@tier(DEEP)
@given(content=odd_json(INDEX_DATA))
def test_many_odd_indexes(base: Path, content: bytes) -> None:
    judge_index(base, content)


@pytest.mark.slow
@tier(DEEP)
@given(content=odd_json(ADAPTER), header=st.one_of(st.none(), headers))
def test_many_odd_adapters(base: Path, content: bytes, header: Any) -> None:
    judge_adapter(base, content, header)


@pytest.mark.slow
@tier(DEEP)
@given(content=odd_json(NOTE))
def test_much_odd_statistics(base: Path, content: bytes) -> None:
    judge_statistics(base, content)


def judge_index(base: Path, content: bytes) -> None:
    folder = used(base, "sharded")
    (folder / SINGLE).unlink(missing_ok=True)
    save_file({"model.embed_tokens.weight": torch.zeros(12, 2)}, folder / SHARDS[0])
    layers = {f"model.layers.{n}.q.weight": torch.zeros(2, 2) for n in range(2)}
    save_file(layers | {"model.norm.weight": torch.zeros(2)}, folder / SHARDS[1])
    (folder / INDEX).write_bytes(content)
    with only_our_errors():
        look(folder)


def judge_adapter(base: Path, content: bytes, header: Any) -> None:
    folder = base.parent / "adapter"
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").write_bytes(content)
    name = "base_model.model.model.layers.0.q"
    factors = {
        f"{name}.lora_A.weight": torch.zeros(4, 2),
        f"{name}.lora_B.weight": torch.zeros(2, 4),
    }
    save_file(factors, folder / "adapter_model.safetensors")
    if header is not None:
        (folder / "adapter_model.safetensors").write_bytes(file_of(header, 82))
    with only_our_errors():
        opened = open_checkpoint(f"{base}+{folder}")
        assert opened.adapter is not None
        assert opened.adapter.bytes >= 0


def judge_statistics(base: Path, content: bytes) -> None:
    folder = base.parent / "statistics"
    folder.mkdir(exist_ok=True)
    (folder / "fisher.safetensors").write_bytes(file_of(HEADER, 82))
    (folder / "fisher.json").write_bytes(content)
    with only_our_errors():
        open_statistics_file(folder, "fisher")


def test_the_files_that_are_changed_are_sound(base: Path) -> None:
    look(base)
    judge_index(base, as_json(INDEX_DATA))
    assert open_checkpoint(str(base.parent / "sharded")).parameters == 34
