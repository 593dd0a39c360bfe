"""Tokenizers as files: what is in them, without the tokens that have no row, with more tokens."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from optimerge.checkpoint.tokenizer import TokenizerFiles, read_tokenizer
from optimerge.checkpoint.tokenizer_edit import plain_tokens, with_added, without_rowless
from optimerge.checkpoint.tokenizer_write import write_tokenizer, write_vocabulary_config
from optimerge.errors import CheckpointError

BOS = {"bos_token": "<s>", "eos_token": "</s>"}
SETTINGS: dict[str, dict[str, Any]] = {
    "nothing else": BOS,
    "a pad token of its own": {**BOS, "pad_token": "[PAD]"},
    "one with flags": {
        **BOS,
        "pad_token": {"__type": "AddedToken", "content": "[PAD]", "lstrip": True},
    },
    "one that is a plain token": {**BOS, "pad_token": "th"},
    "several special ones": {
        **BOS,
        "extra_special_tokens": ["<x>", "<end>"],
        "pad_token": "[PAD]",
        "mask_token": "[MASK]",
    },
    "a list by id": {
        **BOS,
        "pad_token": "<p>",
        "added_tokens_decoder": {
            "400": {"content": "<late>", "special": False, "normalized": False},
            "99": {"content": "<early>", "special": True, "normalized": False},
        },
    },
}


def write(folder: Path, settings: dict[str, Any]) -> Path:
    """Write a byte-level BPE tokenizer with merges and one added token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=280,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["the other mother then gathers the thin moths"] * 3, trainer)
    tokenizer.add_tokens([AddedToken("<end>", special=True, normalized=False)])
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    content = {"tokenizer_class": "PreTrainedTokenizerFast", **settings}
    (folder / "tokenizer_config.json").write_text(json.dumps(content))
    return folder


def loaded(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("case", SETTINGS)
def test_the_vocabulary_is_the_one_that_transformers_loads(case: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "t", SETTINGS[case])
    assert read_tokenizer(folder).ids == loaded(folder).get_vocab()


@pytest.mark.parametrize("case", SETTINGS)
def test_a_changed_tokenizer_loads_as_it_was_made(case: str, tmp_path: Path) -> None:
    old = read_tokenizer(write(tmp_path / "t", SETTINGS[case]))
    special = {"content": "<|chat|>", "special": True, "normalized": False}
    new = with_added(old, [*plain_tokens(["zap", "zop"]), special])
    assert list(new.ids)[: len(old.ids)] == list(old.ids)
    assert list(new.ids)[len(old.ids) :] == ["zap", "zop", "<|chat|>"]
    (tmp_path / "new").mkdir()
    write_tokenizer(new, tmp_path / "new")
    again = loaded(tmp_path / "new")
    assert again.get_vocab() == new.ids
    assert again.tokenize("go <|chat|>zap")[-2:] == ["<|chat|>", "zap"]
    assert again.decode(again.encode("on <|chat|>zap"), skip_special_tokens=True) == "on zap"


def test_tokens_without_a_row_leave_no_trace(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", SETTINGS["several special ones"])
    old = read_tokenizer(folder)
    rows = 275
    gone = [token for token, number in old.ids.items() if number >= rows]
    assert {"[PAD]", "[MASK]", "<x>", "<end>"} < set(gone)
    new = without_rowless(old, rows)
    assert new.ids == {token: number for token, number in old.ids.items() if number < rows}
    (tmp_path / "new").mkdir()
    write_tokenizer(new, tmp_path / "new")
    again = loaded(tmp_path / "new")
    assert again.get_vocab() == new.ids
    assert max(again.encode("the other mothers <end> [PAD]")) < rows
    assert again.pad_token is None
    assert again.eos_token == "</s>"


def test_a_tokenizer_with_a_row_for_each_token_is_left_as_it_is(tmp_path: Path) -> None:
    old = read_tokenizer(write(tmp_path / "t", BOS))
    assert without_rowless(old, len(old.ids)) is old
    assert with_added(old, []) is old


def test_a_unigram_tokenizer_is_cut_too(tmp_path: Path) -> None:
    pieces = [("<unk>", 0.0), ("a", -1.0), ("b", -2.0), ("ab", -3.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    new = without_rowless(read_tokenizer(tmp_path), 3)
    assert list(new.ids) == ["<unk>", "a", "b"]


def test_ids_with_gaps_take_no_new_tokens(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 2}, unk_token="a"))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    old = read_tokenizer(tmp_path)
    with pytest.raises(CheckpointError, match="gaps"):
        with_added(old, plain_tokens(["c"]))


def test_no_tokenizer_and_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no tokenizer"):
        read_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json' is no tokenizer"):
        read_tokenizer(tmp_path)


def test_an_id_beyond_all_vocabularies_is_refused(tmp_path: Path) -> None:
    """The library would count up to it, for a third of a minute."""
    folder = write(tmp_path / "model", BOS)
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["vocab"]["th"] = 1 << 31
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(
        CheckpointError, match=r"tokenizer\.json' gives token 'th' the id 2147483648"
    ):
        read_tokenizer(folder)


def test_reading_needs_neither_torch_nor_transformers(tmp_path: Path) -> None:
    import subprocess
    import sys

    write(tmp_path / "t", SETTINGS["several special ones"])
    code = (
        "import sys; from pathlib import Path\n"
        "from optimerge.checkpoint.tokenizer import read_tokenizer\n"
        "assert read_tokenizer(Path(sys.argv[1])).ids\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "t"], check=True)


def test_paths_of_this_machine_are_not_written(tmp_path: Path) -> None:
    old = read_tokenizer(write(tmp_path / "t", {**BOS, "name_or_path": "/home/someone/m"}))
    (tmp_path / "new").mkdir()
    write_tokenizer(with_added(old, plain_tokens(["zap"])), tmp_path / "new")
    assert all("someone" not in f.read_text() for f in (tmp_path / "new").iterdir())


def test_code_and_pickles_called_like_a_tokenizer_are_left_behind(tmp_path: Path) -> None:
    old = read_tokenizer(write(tmp_path / "old", BOS))
    for name in ("tokenizer_own.py", "tokenizer.pickle", "tokenizer.ckpt", "tokenizer.notes"):
        (tmp_path / "old" / name).write_text("x")
    (tmp_path / "new").mkdir()
    write_tokenizer(old, tmp_path / "new")
    found = {file.name for file in (tmp_path / "new").iterdir()}
    assert {"tokenizer.json", "tokenizer.notes"} <= found
    assert not found & {"tokenizer_own.py", "tokenizer.pickle", "tokenizer.ckpt"}


def test_the_config_of_a_model_with_a_text_part(tmp_path: Path) -> None:
    inner = {"vocab_size": 10, "eos_token_id": 1}
    (tmp_path / "config.json").write_text(json.dumps({"text_config": inner, "image_token_id": 9}))
    owner = tmp_path / "owner"
    owner.mkdir()
    theirs = {"text_config": {"eos_token_id": [4, 5]}, "image_token_id": 11, "vocab_size": 3}
    (owner / "config.json").write_text(json.dumps(theirs))
    write_vocabulary_config(tmp_path, 64, owner)
    assert json.loads((tmp_path / "config.json").read_text()) == {
        "text_config": {"vocab_size": 64, "eos_token_id": [4, 5]},
        "image_token_id": 11,
    }


def test_files_are_told_from_their_content(tmp_path: Path) -> None:
    read = read_tokenizer(write(tmp_path / "t", BOS))
    assert isinstance(read, TokenizerFiles)
    assert not read.changed
    assert read.added["<end>"]["special"] is True
