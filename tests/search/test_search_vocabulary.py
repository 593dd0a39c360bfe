"""A search over models whose vocabularies differ: resident model, parents, refusals, rebuilding."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.cli.main import run
from optimerge.errors import CheckpointError, OptimergeError, RecipeError, TrialError
from optimerge.export.build import build
from optimerge.export.recipe import export_text
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.tiers import Tier
from optimerge.merge.vocabulary import make_vocabulary
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.write import recipe_text
from optimerge.search.models import open_models
from optimerge.search.soup import soup_recipe
from optimerge.space.read import read_space

EMBEDDING = "model.embed_tokens.weight"
TOKENIZER = "tokenizer: {source: SOURCE, pad_to_multiple_of: 8}\n"


@pytest.fixture
def mixed(family: Path) -> Path:
    """Give blue two tokens more, and the tokens it shares with the base in another order."""
    blue = family / "blue"
    data = json.loads((blue / "tokenizer.json").read_text())
    words = list(data["model"]["vocab"])
    kept = words[:3]  # <pad>, <eos>, <unk>: added tokens, which carry their ids
    order = [*kept, "new", *reversed(words[3:]), "newer"]
    data["model"]["vocab"] = {word: number for number, word in enumerate(order)}
    (blue / "tokenizer.json").write_text(json.dumps(data))
    tensors = load_file(blue / "model.safetensors")
    extra = torch.linspace(-1, 1, 2 * 16).view(2, 16)
    rows = {**{w: n for n, w in enumerate(words)}, "new": len(words), "newer": len(words) + 1}
    index = torch.tensor([rows[word] for word in order])
    for name in (EMBEDDING, "lm_head.weight"):
        tensors[name] = torch.cat([tensors[name], extra])[index].contiguous()
    save_file(tensors, blue / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((blue / "config.json").read_text())
    (blue / "config.json").write_text(json.dumps({**config, "vocab_size": len(order)}))
    return family


def spaced(family: Path, source: str, *, sparsity: bool = False) -> Path:
    file = family / "space.yaml"
    text = file.read_text()
    if not sparsity:
        text = text.replace("  - sparsity: nonzero\n", "  - {task: echo, metric: acc, name: two}\n")
    file.write_text(text + (TOKENIZER.replace("SOURCE", source) if source else ""))
    return file


def recipe_of(source: str, method: str = "ties", extra: str = "") -> str:
    return (
        f"merge_method: {method}\nbase_model: base\ndtype: float32\nout_dtype: float32\nmodels:\n"
        "- model: red\n  parameters: {weight: 0.5, density: 0.6}\n"
        "- model: blue\n  parameters: {weight: 0.4, density: 0.7}\n"
        f"{TOKENIZER.replace('SOURCE', source)}{extra}"
    )


def engine_of(
    family: Path, text: str, memory: Tier = "device", device_map: dict[str, str] | None = None
) -> Engine:
    recipe = parse_recipe(text)
    models = [open_checkpoint(name, family) for name in ("base", "red", "blue")]
    words = make_vocabulary(recipe, {m.reference: m for m in models}, family)
    return load_engine(models, seed=3, vocabulary=words, memory=memory, device_map=device_map)


@pytest.mark.parametrize("source", ["base", "blue", "union"])
def test_models_that_stay_on_disk_give_the_same_tables(mixed: Path, source: str) -> None:
    """So do models on two devices (names of one), the tables on the second."""
    tiers: tuple[Tier, ...] = ("device", "disk")
    engines = [engine_of(mixed, recipe_of(source), memory) for memory in tiers]
    halves = {"": "cpu:0", "model.embed_tokens": "cpu:1", "lm_head": "cpu:1"}
    engines += [engine_of(mixed, recipe_of(source), memory, halves) for memory in tiers]
    for method in ("ties", "dare_ties", "ties"):  # the base's tables are kept from the first on
        text = recipe_of(source, method)
        found = [engine.apply(parse_recipe(text)) for engine in engines]
        assert len({(each.l1, each.nonzero) for each in found}) == 1
        live, *others = (engine.model.state_dict() for engine in engines)
        for other in others:
            assert all(torch.equal(tensor, other[name]) for name, tensor in live.items())


@pytest.mark.parametrize("source", ["base", "blue", "union"])
@pytest.mark.parametrize("method", ["ties", "dare_ties"])
def test_the_resident_model_is_what_build_writes(
    mixed: Path, tmp_path: Path, source: str, method: str
) -> None:
    text = recipe_of(source, method, "optimerge: {seed: 3}\n")
    engine = engine_of(mixed, text)
    engine.apply(parse_recipe(recipe_of(source, "ties")))
    engine.apply(parse_recipe(text))
    (mixed / "recipe.yaml").write_text(text)
    build(mixed / "recipe.yaml", tmp_path / "out")
    found = load_file(tmp_path / "out" / "model.safetensors")
    live = engine.model.state_dict()
    assert found.keys() == live.keys()
    assert all(torch.equal(found[name], live[name]) for name in found)
    assert len(found[EMBEDDING]) == (24 if source == "base" else 32)
    assert engine.model.config.vocab_size == len(found[EMBEDDING])


def test_statistics_compare_with_the_base_s_rows(mixed: Path) -> None:
    engine = engine_of(mixed, recipe_of("base"))
    linear = recipe_of("base", "task_arithmetic").replace(", density: 0.6", "")
    still = linear.replace(", density: 0.7", "").replace("0.5", "0.0").replace("0.4", "0.0")
    stats = engine.apply(parse_recipe(still))
    assert (stats.nonzero, stats.l1) == (0, 0.0)
    assert engine.holds("base")
    assert not engine.holds("blue")


def test_making_the_resident_model_draws_from_no_global_generator(mixed: Path) -> None:
    before = torch.get_rng_state()
    engine_of(mixed, recipe_of("union"))
    assert torch.equal(torch.get_rng_state(), before)


def test_another_tokenizer_than_the_resident_model_s_is_a_failed_trial(mixed: Path) -> None:
    engine = engine_of(mixed, recipe_of("base"))
    with pytest.raises(TrialError, match="another tokenizer"):
        engine.apply(parse_recipe(recipe_of("union")))


@pytest.mark.parametrize("source", ["base", "union"])
def test_a_search_scores_parents_and_candidates_and_its_export_is_rebuilt(
    mixed: Path, tmp_path: Path, opened, searched, source: str
) -> None:
    spaced(mixed, source)
    session = opened(mixed, tmp_path / "run")
    trials = searched(session, 6)
    assert {t.state for t in trials} <= {"complete", "pruned"}, [t.error for t in trials]
    blue = next(t for t in trials if t.origin == "expert:blue")
    for trial in (blue, trials[-1]):
        (tmp_path / "r.yaml").write_text(export_text(session.run, trial, "test"))
        out = tmp_path / f"out{trial.name}".replace(":", "-")
        build(tmp_path / "r.yaml", out)
        session.engine.apply(parse_recipe(recipe_text(back(session, trial.recipe))))
        live, found = session.engine.model.state_dict(), load_file(out / "model.safetensors")
        assert all(torch.equal(found[name], live[name]) for name in found)
    ids = Tokenizer.from_file(str(out / "tokenizer.json")).get_vocab()
    assert ("new" in ids) == (source == "union")


def back(session, text):
    from optimerge.recipe.write import with_references

    return with_references(
        parse_recipe(text), {place: name for name, place in session.models.places.items()}
    )


def test_an_expert_keeps_its_own_rows_under_every_token_that_it_has(
    mixed: Path, tmp_path: Path, opened
) -> None:
    spaced(mixed, "union")
    session = opened(mixed, tmp_path / "run")
    session.engine.apply(session.parent_recipe("blue"))
    assert session.engine.holds("blue")
    ids = session.models.vocabulary.tokenizer.ids
    own = json.loads((mixed / "blue/tokenizer.json").read_text())["model"]["vocab"]
    raw = load_file(mixed / "blue" / "model.safetensors")[EMBEDDING]
    live = session.engine.model.state_dict()[EMBEDDING]
    assert all(torch.equal(live[ids[token]], raw[row]) for token, row in own.items())


def test_the_tasks_are_encoded_with_the_result_s_tokenizer(
    mixed: Path, tmp_path: Path, opened
) -> None:
    from optimerge.search.tokenizer import load_tokenizer

    models = open_models(read_space(spaced(mixed, "blue")))
    tokenizer = load_tokenizer(models)
    assert tokenizer.get_vocab() == models.vocabulary.tokenizer.ids
    assert tokenizer.encode("w0") == [models.vocabulary.ids["blue"]["w0"]]


def test_sparsity_needs_a_base_row_for_every_token(mixed: Path) -> None:
    file = spaced(mixed, "union", sparsity=True)
    with pytest.raises(RecipeError, match=r"2 tokens of the result .* have no row in the base"):
        open_models(read_space(file))


def test_sparsity_with_the_base_s_tokenizer_is_fine(mixed: Path) -> None:
    models = open_models(read_space(spaced(mixed, "base", sparsity=True)))
    assert models.vocabulary is not None
    assert models.vocabulary.without_base == []


def test_sparsity_refuses_forced_tokens(mixed: Path) -> None:
    file = spaced(mixed, "", sparsity=True)
    rule = "tokenizer: {source: base, tokens: {w1: {source: {kind: zero}, force: true}}}\n"
    file.write_text(file.read_text() + rule)
    with pytest.raises(RecipeError, match="the first is 'w1'"):
        open_models(read_space(file))


def test_without_the_key_the_remedy_is_named(mixed: Path) -> None:
    with pytest.raises(CheckpointError, match=r"`tokenizer: \{source: base\}`"):
        open_models(read_space(spaced(mixed, "")))


def test_a_rule_that_cannot_be_followed_is_refused_at_check(mixed: Path) -> None:
    file = spaced(mixed, "")
    file.write_text(file.read_text() + "tokenizer: {source: base, tokens: {q: {source: red}}}\n")
    with pytest.raises(OptimergeError, match="'red' has no embedding for 'q'"):
        open_models(read_space(file))


def test_check_says_what_the_vocabulary_will_be(mixed: Path, capsys) -> None:
    assert run(["check", str(spaced(mixed, "union"))]) == 0
    assert "tokenizer: union, 26 tokens, 32 embedding rows" in capsys.readouterr().out


@pytest.mark.parametrize("source", ["base", "union"])
def test_a_soup_has_the_tokenizer_and_the_rows_of_every_model(
    mixed: Path, tmp_path: Path, opened, source: str
) -> None:
    session = opened(spaced(mixed, source).parent, tmp_path / "run")
    recipe = soup_recipe(session, ["red"])
    assert recipe.output_tokenizer == session.space.any_recipe.output_tokenizer
    session.engine.apply(recipe)
    assert session.engine.holds("red")
    (tmp_path / "r.yaml").write_text(recipe_text(session.stored(recipe)))
    build(tmp_path / "r.yaml", tmp_path / "out")
    live, found = session.engine.model.state_dict(), load_file(tmp_path / "out/model.safetensors")
    assert all(torch.equal(found[name], live[name]) for name in found)


def test_a_head_of_its_own_stays_its_own_where_the_config_ties_it(mixed: Path) -> None:
    config = json.loads((mixed / "base/config.json").read_text())
    (mixed / "base/config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    engine = engine_of(mixed, recipe_of("union"))
    engine.apply(parse_recipe(recipe_of("union")))
    live = engine.model.state_dict()
    assert len(live[EMBEDDING]) == 32
    assert not torch.equal(live[EMBEDDING], live["lm_head.weight"])


def test_a_table_that_a_build_copies_is_refused_unless_the_rows_stay(mixed: Path) -> None:
    for name in ("base", "red"):
        file = mixed / name / "model.safetensors"
        extra = {"model.layers.99.embed_tokens.weight": torch.zeros(24, 16)}
        save_file({**load_file(file), **extra}, file, metadata={"format": "pt"})
    models = {n: open_checkpoint(n, mixed) for n in ("base", "red", "blue")}
    with pytest.raises(CheckpointError, match=r"layers\.99\.embed_tokens.* is copied, not merged"):
        make_vocabulary(parse_recipe(recipe_of("union")), models, mixed)


def test_an_adapter_has_the_tokenizer_of_its_model(mixed: Path, tmp_path: Path) -> None:
    make_adapter(mixed / "lora", open_checkpoint("blue", mixed).tensors)
    text = recipe_of("union", extra="optimerge: {seed: 3}\n")
    text = text.replace("model: red", "model: blue+lora")
    recipe = parse_recipe(text)
    models = [open_checkpoint(name, mixed) for name in ("base", "blue+lora", "blue")]
    words = make_vocabulary(recipe, {m.reference: m for m in models}, mixed)
    assert words is not None
    assert words.ids["blue+lora"] == words.ids["blue"]
    engine = load_engine(models, seed=3, vocabulary=words)
    engine.apply(recipe)
    (mixed / "recipe.yaml").write_text(text)
    build(mixed / "recipe.yaml", tmp_path / "out")
    found = load_file(tmp_path / "out" / "model.safetensors")
    live = engine.model.state_dict()
    assert all(torch.equal(found[name], live[name]) for name in found)


def make_adapter(folder: Path, tensors) -> None:
    """Write a LoRA adapter of rank 2 on the token embedding and one projection."""
    rows, width = tensors[EMBEDDING].shape
    out = tensors["model.layers.0.self_attn.q_proj.weight"].shape[0]
    prefix = "base_model.model.model."
    shapes = {
        "embed_tokens.lora_embedding_A": (2, rows),
        "embed_tokens.lora_embedding_B": (width, 2),
        "layers.0.self_attn.q_proj.lora_A.weight": (2, width),
        "layers.0.self_attn.q_proj.lora_B.weight": (out, 2),
    }
    generator = torch.Generator().manual_seed(1)
    folder.mkdir()
    save_file(
        {prefix + n: torch.randn(s, generator=generator) / 4 for n, s in shapes.items()},
        folder / "adapter_model.safetensors",
    )
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": "blue"}
    config["target_modules"] = ["embed_tokens", "q_proj"]
    (folder / "adapter_config.json").write_text(json.dumps(config))


def test_check_refuses_a_head_that_transformers_cannot_resize(
    mixed: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    from transformers import LlamaForCausalLM

    monkeypatch.setattr(LlamaForCausalLM, "get_output_embeddings", lambda self: None)
    assert run(["check", str(spaced(mixed, "union"))]) == 2
    error = capsys.readouterr().err
    assert "cannot give the embeddings and head of a LlamaForCausalLM 32 rows" in error
    assert "leave out `tokenizer`" in error
