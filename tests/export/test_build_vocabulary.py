"""Recipes with tokenizers, built and compared with the recorded output of mergekit 0.1.5."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor
from vocabulary_family import DATA, make_family

from optimerge.errors import OptimergeError
from optimerge.export.build import Built, build
from optimerge.merge import align, rows

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
RECIPES: dict[str, dict[str, Any]] = yaml.safe_load((DATA / "recipes.yml").read_text())
CASES = [f"{kind}/{name}" for kind in ("float32", "bfloat16") for name in RECIPES]
UNION = [case for case in CASES if "/union" in case]

Build = Callable[..., tuple[Path, Built]]


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vocabularies")
    for kind in ("float32", "bfloat16"):
        make_family(folder / kind, kind)
    return folder


@pytest.fixture
def built(families: Path, tmp_path: Path) -> Build:
    """Build a case, or changed data of it, and return the new model's folder."""

    def do(case: str, **changes: Any) -> tuple[Path, Built]:
        kind, name = case.split("/")
        file = families / kind / f"{tmp_path.name}.yml"
        data = {**RECIPES[name], "dtype": kind, **changes}
        file.write_text(yaml.safe_dump({k: v for k, v in data.items() if v is not None}))
        out = tmp_path / "out"
        return out, build(file, out, mode="exact", seed=77)

    return do


@cache
def merged() -> dict[str, Tensor]:
    return load_file(DATA / "merged.safetensors")


@cache
def tokens() -> dict[str, list[str]]:
    return dict(json.loads((DATA / "tokens.json").read_text()))


def vocabulary(folder: Path) -> list[str]:
    from tokenizers import Tokenizer

    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    return sorted(ids, key=lambda token: ids[token])


def by_token(table: Tensor, names: list[str]) -> dict[str, Tensor]:
    return dict(zip(names, table, strict=False))


def wrong_tokens(case: str, folder: Path) -> list[str]:
    """Name the tokens (and "padding") whose rows are not mergekit's."""
    tolerance = 1.2e-7 if case.startswith("float32") else 0.0
    names, theirs = vocabulary(folder), tokens()[case]
    assert sorted(names) == sorted(theirs)
    found = load_file(folder / "model.safetensors")
    wrong = []
    for key in (EMBEDDING, HEAD):
        ours, expected = found[key], merged()[f"{case}/{key}"]
        assert (ours.shape, ours.dtype) == (expected.shape, expected.dtype)
        one, two = by_token(ours, names), by_token(expected, theirs)
        wrong += [t for t in names if (one[t].double() - two[t].double()).abs().max() > tolerance]
        pads = (ours[len(names) :].double() - expected[len(names) :].double()).abs()
        wrong += ["padding"] if pads.numel() and pads.max() > tolerance else []
    return wrong


@pytest.mark.parametrize("case", CASES)
def test_every_token_has_the_row_that_mergekit_gives_it(case: str, built: Build) -> None:
    folder, _ = built(case)
    assert wrong_tokens(case, folder) == []
    if case not in UNION:
        assert vocabulary(folder) == tokens()[case]
    config = json.loads((folder / "config.json").read_text())
    assert config["vocab_size"] == len(merged()[f"{case}/{EMBEDDING}"])


def test_the_recorded_cases_hold_what_they_should(built: Build) -> None:
    table = merged()["float32/model_padded/" + EMBEDDING]
    assert len(table) == 16 > len(tokens()["float32/model_padded"])
    assert set(tokens()) == set(CASES)


@pytest.mark.parametrize(
    ("plant", "case"),
    [
        ("owners first", "float32/union_legacy"),
        ("zeros", "float32/model_without_base"),
        ("no force", "float32/tokens_forced"),
        ("zero padding", "float32/model_padded"),
    ],
)
def test_planted_faults_are_noticed(
    plant: str, case: str, built: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = rows.rows_of
    if plant == "owners first":
        monkeypatch.setattr(align, "rows_of", lambda v, m, b: real(v, m, None))
    if plant == "zeros":
        monkeypatch.setattr(align, "_fill_table", zero_fills)
    if plant == "no force":
        monkeypatch.setattr(align, "rows_of", lambda v, m, b: real(without_force(v), m, b))
    if plant == "zero padding":
        monkeypatch.setattr(align, "_fill_with_mean", lambda table, rows: None)
    folder, _ = built(case)
    assert wrong_tokens(case, folder)


def zero_fills(rows: rows.Rows, given: dict[str, Tensor]) -> Tensor:
    like = next(iter(given.values()))
    return like.new_zeros((len(rows.filled), *like.shape[1:]))


def without_force(vocabulary: Any) -> Any:
    from dataclasses import replace

    kept = {t: r.model_copy(update={"force": False}) for t, r in vocabulary.rules.items()}
    return replace(vocabulary, wanted=vocabulary.wanted.model_copy(update={"tokens": kept}))


def test_a_union_keeps_the_base_s_ids_and_sorts_the_rest_model_by_model(built: Build) -> None:
    folder, _ = built("float32/union_tokens")
    base = ["<unk>", "<s>", "</s>", "the", "cat", "sat", "on", "a", "mat", "and", "slept"]
    chat = ["<|end|>", "<|start|>"]
    moved = ["dog", "far", "ran", "zebra"]
    other = ["Hund", "apple", "der"]
    assert vocabulary(folder) == [*base, *chat, *moved, *other, "<a>"]


def test_the_new_model_loads_and_encodes(built: Build) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, _ = built("float32/union", chat_template="chatml")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert tokenizer.tokenize("the dog ran <|end|> zebra Hund") == (
        ["the", "dog", "ran", "<|end|>", "zebra", "Hund"]
    )
    ids = tokenizer.encode("the dog ran <|end|> Hund")
    assert tokenizer.decode(ids, skip_special_tokens=True) == "the dog ran Hund"
    assert model(torch.tensor([ids])).logits.shape == (1, 5, len(tokenizer))
    assert (tokenizer.eos_token, model.config.eos_token_id) == ("</s>", tokenizer.eos_token_id)
    said = tokenizer.apply_chat_template([{"role": "user", "content": "the cat"}], tokenize=False)
    assert said == "<|im_start|>user\nthe cat<|im_end|>\n"


def test_ids_of_special_tokens_are_those_of_the_model_whose_tokenizer_it_is(built: Build) -> None:
    folder, _ = built("float32/model")
    config = json.loads((folder / "config.json").read_text())
    names = vocabulary(folder)
    assert (names[config["bos_token_id"]], names[config["eos_token_id"]]) == ("<s>", "</s>")
    assert config["eos_token_id"] == 8


def test_an_unchanged_tokenizer_is_copied_byte_by_byte(built: Build, families: Path) -> None:
    folder, _ = built("float32/model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (folder / name).read_bytes() == (families / "float32/moved" / name).read_bytes()


def test_tokens_in_no_model_are_told(built: Build) -> None:
    _, done = built("float32/model_outside")
    assert len(done.notes) == 1
    assert "2 tokens of the result (the first is '<|start|>') are in none" in done.notes[0]


@pytest.mark.slow
def test_the_same_recipe_gives_the_same_bytes_in_another_process(
    built: Build, families: Path, tmp_path: Path
) -> None:
    import os
    import subprocess
    import sys

    folder, _ = built("float32/union_tokens")
    recipe = families / "float32" / f"{tmp_path.name}.yml"
    code = (
        "import sys; from pathlib import Path; from optimerge.export.build import build\n"
        "build(Path(sys.argv[1]), Path(sys.argv[2]), mode='exact', seed=77)"
    )
    again = tmp_path / "again"
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    subprocess.run([sys.executable, "-c", code, recipe, again], check=True, env=environment)
    names = sorted(file.name for file in folder.iterdir())
    assert names == sorted(file.name for file in again.iterdir())
    names = [name for name in names if name not in ("README.md", ".optimerge-build.json")]
    assert all((folder / name).read_bytes() == (again / name).read_bytes() for name in names)


def rule(**source: Any) -> dict[str, Any]:
    return {"tokenizer": {"source": "base", "tokens": {"<q>": source}}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tokenizer": {"source": "moverd/x/y"}}, "tokenizer: source: neither base, nor union"),
        (rule(source="movd"), "'movd' is none of the recipe's models; did you mean 'moved'?"),
        (rule(source="other"), "'other' has no embedding for '<q>'"),
        (rule(source="same"), "'same' has no embedding for '<q>'"),
        (rule(), "none of the merged models has this token; give it a source"),
        (rule(source={"kind": "mean"}), "has the kind 'mean'; give the name of a model"),
        (rule(source={"model": "same"}), "has no kind"),
        (rule(source={"kind": "zero", "model": "same"}), "takes no model"),
        (rule(source={"kind": "model_token", "model": "same"}), "either token or token_id"),
        (
            rule(source={"kind": "model_token", "model": "same", "token_id": 99}),
            "token_id 99 is past the 11 rows of 'same'",
        ),
        (
            rule(source={"kind": "model_token", "model": "same", "token": "nix"}),
            "'same' has no embedding for 'nix'",
        ),
        (rule(force=True), "force needs a source"),
        (rule(sauce="same"), "unknown key 'sauce'; did you mean 'source'?"),
        ({"tokenizer": {"source": "base", "pad_to_multiple_of": 0}}, "pad_to_multiple_of"),
        ({"tokenizer_source": "base", "tokenizer": {"source": "base"}}, "not both"),
        ({"chat_template": "chatmel"}, "did you mean 'chatml'?"),
        ({"tokenizer": None}, "`tokenizer: {source: base}`"),
    ],
)
def test_nonsense_is_refused_in_one_sentence(
    changes: dict[str, Any], words: str, built: Build, tmp_path: Path
) -> None:
    with pytest.raises(OptimergeError, match=re.escape(words)) as caught:
        built("float32/base", **changes)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_rule_may_not_name_a_model_of_another_slice(built: Build) -> None:
    tokens = {"dog": {"source": "other", "force": True}}
    with pytest.raises(OptimergeError, match="'other' is none of the models whose embeddings"):
        built("float32/slices", tokenizer={"source": "moved", "tokens": tokens})


def test_weights_are_not_read_before_the_rules_are_checked(
    built: Build, families: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optimerge.checkpoint.read import TensorReader

    def fail(*_: object) -> None:
        raise AssertionError("a weight was read")

    monkeypatch.setattr(TensorReader, "read", fail)
    with pytest.raises(OptimergeError, match=r"\.yml: tokenizer\.tokens\['<q>'\]: .*no embedding"):
        built("float32/base", **rule(source="other"))


def test_a_model_without_a_tokenizer_is_taken_to_have_the_base_s(
    families: Path, tmp_path: Path
) -> None:
    import shutil

    models = tmp_path / "models"
    shutil.copytree(families / "float32", models)
    (models / "same" / "tokenizer.json").unlink()
    (models / "moved" / "tokenizer.json").unlink()
    recipe = models / "r.yml"
    text = (
        "merge_method: linear\nmodels:\n- {model: base, parameters: {weight: 1}}\n"
        "- {model: %s, parameters: {weight: 1}}\ndtype: float32\ntokenizer: {source: base}\n"
    )
    recipe.write_text(text % "same")
    build(recipe, tmp_path / "out")
    recipe.write_text(text % "moved")
    with pytest.raises(OptimergeError, match="'moved' has no tokenizer and another number of"):
        build(recipe, tmp_path / "other")


def test_a_second_table_of_tokens_is_not_left_behind_in_another_order(
    families: Path, tmp_path: Path
) -> None:
    import shutil

    models = tmp_path / "models"
    shutil.copytree(families / "float32", models)
    for name in ("base", "same", "moved"):
        tensors = load_file(models / name / "model.safetensors")
        tensors["model.embed_tokens_per_layer.weight"] = torch.ones(11, 4)
        save_file(tensors, models / name / "model.safetensors", metadata={"format": "pt"})
    recipe = models / "r.yml"
    text = (
        "merge_method: linear\nmodels:\n- {model: base, parameters: {weight: 1}}\n"
        "- {model: %s, parameters: {weight: 1}}\ndtype: float32\ntokenizer: {source: base}\n"
    )
    recipe.write_text(text % "same")
    build(recipe, tmp_path / "out")
    recipe.write_text(text % "moved")
    with pytest.raises(OptimergeError, match="'moved' has a second table of tokens"):
        build(recipe, tmp_path / "other")


def test_tied_heads_stay_tied(families: Path, tmp_path: Path) -> None:
    import shutil

    models = tmp_path / "models"
    shutil.copytree(families / "float32", models)
    for name in ("base", "moved", "other", "same"):
        place = models / name
        tensors = load_file(place / "model.safetensors")
        del tensors[HEAD]
        save_file(tensors, place / "model.safetensors", metadata={"format": "pt"})
        config = json.loads((place / "config.json").read_text())
        (place / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    (models / "r.yml").write_text(yaml.safe_dump({**RECIPES["model"], "dtype": "float32"}))
    build(models / "r.yml", tmp_path / "out", mode="exact")
    found = load_file(tmp_path / "out" / "model.safetensors")
    assert HEAD not in found
    expected = merged()["float32/model/" + EMBEDDING]
    torch.testing.assert_close(found[EMBEDDING], expected, rtol=0, atol=1.2e-7)


def test_auto_takes_the_commonest_chat_template(built: Build, families: Path) -> None:
    from transformers import AutoTokenizer

    for name, text in (("base", "B"), ("same", "S"), ("moved", "S \n")):
        (families / "float32" / name / "chat_template.jinja").write_text(text)
    folder, _ = built("float32/base", chat_template="auto")
    assert AutoTokenizer.from_pretrained(folder).chat_template == "S"
    for name in ("base", "same", "moved"):
        (families / "float32" / name / "chat_template.jinja").unlink()


def test_jinja_text_is_written_even_without_a_tokenizer_key(families: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    settings = families / "float32/same/tokenizer_config.json"
    old = settings.read_text()
    settings.write_text(json.dumps({**json.loads(old), "chat_template": "old"}))
    text = "{{ messages[0]['content'] }}"
    recipe = families / "float32" / "template.yml"
    data = {"merge_method": "passthrough", "models": [{"model": "same"}], "chat_template": text}
    recipe.write_text(yaml.safe_dump(data))
    build(recipe, tmp_path / "out")
    settings.write_text(old)
    assert AutoTokenizer.from_pretrained(tmp_path / "out").chat_template == text
    assert "old" not in (tmp_path / "out" / "tokenizer_config.json").read_text()


def test_rows_of_a_head_beyond_its_embedding_s_are_left_out(families: Path, built: Build) -> None:
    # The same tokens as the base, so that nothing is to be moved.
    file = families / "float32" / "same" / "model.safetensors"
    kept = file.read_bytes()
    tensors = load_file(file)
    spare = torch.full((3, tensors[HEAD].shape[1]), 9.0)
    save_file({**tensors, HEAD: torch.cat([tensors[HEAD], spare])}, file, metadata={"format": "pt"})
    try:
        one = [{"model": "same", "parameters": {"weight": 1.0}}]
        folder, _ = built("float32/base", models=one)
    finally:
        file.write_bytes(kept)
    found = load_file(folder / "model.safetensors")[HEAD]
    assert found.shape == tensors[HEAD].shape
    assert torch.allclose(found, tensors[HEAD], atol=1.2e-7, rtol=0)


def test_exact_takes_spare_rows_of_the_base_for_new_tokens_as_mergekit_does(
    families: Path, tmp_path: Path
) -> None:
    # mergekit gave the base's row 11 where `source: base`, and zeros where `source: roomy`.
    own = load_file(families / "float32/roomy/model.safetensors")[EMBEDDING]
    for mode, source, wanted in (
        ("exact", "base", own[11]),
        ("exact", "roomy", 0 * own[11]),
        ("fast", "base", 0 * own[11]),
    ):
        file, out = families / "float32/spare.yml", tmp_path / f"{mode}-{source}"
        file.write_text(
            "merge_method: passthrough\nbase_model: roomy\nmodels: [{model: roomy}]\n"
            f"tokenizer: {{source: {source}, tokens: {{<new>: {{source: {{kind: zero}}}}}}}}\n"
        )
        build(file, out, mode=mode)
        assert vocabulary(out)[11] == "<new>"
        assert torch.equal(load_file(out / "model.safetensors")[EMBEDDING][11], wanted)
