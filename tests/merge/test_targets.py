"""Where a checkpoint's tensors are in the live model: what is legal, what is refused, and how."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_architectures import assert_one_model, built, loaded, opened, recipe

from optimerge.checkpoint.fit import check_copied, check_fit
from optimerge.checkpoint.folder import open_checkpoint
from optimerge.checkpoint.names import with_one_naming
from optimerge.errors import CheckpointError
from optimerge.merge import conversion
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.resident import check_in_place
from optimerge.merge.tensor import Mode
from optimerge.recipe.read import parse_recipe

Tiny = Callable[..., Path]
Tensors = dict[str, torch.Tensor]
Change = Callable[[Tensors], Any]
ARITHMETIC = recipe("task_arithmetic", "float32")


@pytest.fixture
def own(tiny: Tiny, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that gives the test its own copy of a family."""

    def copy(kind: str, tied: bool = False) -> Path:
        return Path(shutil.copytree(tiny(kind, tied), tmp_path / kind))

    return copy


def edit(folder: Path, change: Change, names: str = "base red blue", **config: Any) -> None:
    for name in names.split():
        file = folder / name / "model.safetensors"
        tensors = load_file(file)
        change(tensors)
        save_file(tensors, file, metadata={"format": "pt"})
        settings = json.loads((folder / name / "config.json").read_text())
        (folder / name / "config.json").write_text(json.dumps(settings | config))


def merged(folder: Path) -> Engine:
    engine = load_engine(with_one_naming(opened(folder)), seed=5)
    engine.apply(parse_recipe(ARITHMETIC))
    return engine


def assert_built_alike(folder: Path, kind: str, tied: bool = False) -> Path:
    engine = merged(folder)
    out = built(folder, ARITHMETIC, folder / "out")
    assert_one_model(engine.model, loaded(kind, tied, out, torch.float32))
    return out


@pytest.mark.parametrize("kind", ["mixtral", "qwen3_moe", "deepseek_v3"])
@pytest.mark.parametrize("fault", ["experts", "halves"])
def test_a_wrong_place_in_a_fused_tensor_is_refused_before_a_merge(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, kind: str, fault: str
) -> None:
    right = conversion._fused

    def wrong(group: Any, shapes: Any, whole: torch.Tensor) -> Any:
        if fault == "experts":
            whole = whole.roll(1, 0)
        elif group.live.endswith("gate_up_proj"):
            whole = whole.roll(whole.shape[1] // 2, 1)
        return right(group, shapes, whole)

    load_engine(opened(tiny(kind)))
    monkeypatch.setattr(conversion, "_fused", wrong)
    with pytest.raises(CheckpointError, match=r"base: .*experts\.0\..* is not found in the loaded"):
        load_engine(opened(tiny(kind)))


def test_an_operation_that_is_not_known_is_refused_in_one_sentence(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        conversion, "_kinds", lambda ops: [*(type(o).__name__ for o in ops), "Roll"]
    )
    base = open_checkpoint("base", tiny("mixtral"))
    said = (
        r"w1\.weight does not load under its own name .*MergeModulelist, Concatenate, Roll.*build"
    )
    with pytest.raises(CheckpointError, match=said):
        check_in_place(base)
    with pytest.raises(CheckpointError, match=said):
        load_engine([base])


def test_one_tensor_that_is_split_in_the_model_is_written_to_all_its_parts() -> None:
    live = {"a.q": torch.zeros(2, 3), "a.k": torch.zeros(1, 3)}
    operation = type("Chunk", (), {"dim": 0})()
    converter = type("C", (), {"operations": [operation], "target_patterns": ["q", "k"]})()
    group = conversion.Group("a.q", converter, {"qk": ["a.qk"]})
    target = conversion.targets_of(group, {"a.qk": (3, 3)}, live)["a.qk"]
    whole = torch.arange(9.0).reshape(3, 3)
    target.write(whole)
    assert torch.equal(torch.cat([live["a.q"], live["a.k"]]), whole)
    assert torch.equal(target.read(), whole)
    assert target.shape == (3, 3)
    assert target.owners == ("a.q", "a.k")


def test_a_transposed_tensor_is_written_transposed() -> None:
    live = {"a": torch.zeros(2, 3)}
    operation = type("Transpose", (), {"dim0": 0, "dim1": 1, "check_dims": False})()
    converter = type("C", (), {"operations": [operation], "target_patterns": ["a"]})()
    group = conversion.Group("a", converter, {"a": ["a"]})
    target = conversion.targets_of(group, {"a": (3, 2)}, live)["a"]
    target.write(torch.arange(6.0).reshape(3, 2))
    assert torch.equal(live["a"], torch.arange(6.0).reshape(3, 2).T)


@pytest.mark.parametrize(("kind", "prefix"), [("gpt2", "transformer."), ("llama", "model.")])
def test_files_of_the_bare_model_lack_a_prefix(
    own: Callable[..., Path], kind: str, prefix: str
) -> None:
    def strip(tensors: Tensors) -> None:
        for name in list(tensors):
            tensors[name.removeprefix(prefix)] = tensors.pop(name)

    folder = own(kind, tied=True)
    edit(folder, strip)
    out = assert_built_alike(folder, kind, tied=True)
    assert set(load_file(out / "model.safetensors")) == set(opened(folder)[0].tensors)


@pytest.mark.parametrize("bare", ["base", "red blue", "red"])
def test_bare_and_whole_files_of_one_model_are_merged_by_the_base_s_names(
    own: Callable[..., Path], bare: str
) -> None:
    """As gpt2 on the Hub, without `transformer.`, and its fine-tunes, with it."""

    def strip(tensors: Tensors) -> None:
        for name in list(tensors):
            tensors[name.removeprefix("transformer.")] = tensors.pop(name)

    folder = own("gpt2", tied=True)
    before = merged(folder)
    edit(folder, strip, bare)
    assert_one_model(merged(folder).model, before.model)
    out = assert_built_alike(folder, "gpt2", tied=True)
    assert ("wte.weight" in load_file(out / "model.safetensors")) == (bare == "base")


def test_names_that_more_than_a_prefix_sets_apart_are_refused(own: Callable[..., Path]) -> None:
    folder = own("gpt2", tied=True)
    edit(
        folder, lambda t: t.update({"transformer.x.weight": t.pop("transformer.wpe.weight")}), "red"
    )
    with pytest.raises(CheckpointError, match=r"transformer\.wpe\.weight.* has not"):
        check_fit(with_one_naming(opened(folder)))


BUFFERS: Tensors = {
    "model.layers.0.self_attn.rotary_emb.inv_freq": torch.arange(4.0),
    "model.layers.1.self_attn.masked_bias": torch.tensor(-1e9),
    "model.layers.2.attn.bias": torch.ones(1, 1, 4, 4).tril(),
    "model.embeddings.position_ids": torch.arange(4)[None],
    "model.layers.2.self_attn.causal": torch.ones(4, 4, dtype=torch.bool),
}


def test_constants_in_the_files_are_ignored_in_place_and_copied_by_a_build(
    own: Callable[..., Path],
) -> None:
    folder = own("llama")
    edit(folder, lambda t: t.update(BUFFERS))
    assert set(opened(folder)[0].copied) == set(BUFFERS)
    out = assert_built_alike(folder, "llama")
    written = load_file(out / "model.safetensors")
    assert all(torch.equal(written[name], tensor) for name, tensor in BUFFERS.items())
    assert all(written[name].dtype == tensor.dtype for name, tensor in BUFFERS.items())


@pytest.mark.parametrize("name", BUFFERS)
def test_constants_that_differ_are_refused_by_name(own: Callable[..., Path], name: str) -> None:
    folder = own("llama")
    edit(folder, lambda t: t.update(BUFFERS))
    flipped = BUFFERS[name].clone()
    flipped.view(-1)[0] = 0 if flipped.view(-1)[0] else 1
    edit(folder, lambda t: t.update({name: flipped}), "blue")
    said = rf"'blue' has another {name} than 'base': it is not merged but copied"
    with pytest.raises(CheckpointError, match=said):
        check_fit(opened(folder))
    with pytest.raises(CheckpointError, match=said):
        load_engine(opened(folder))


def test_an_expert_may_lack_what_is_copied_from_the_base(own: Callable[..., Path]) -> None:
    """As DeepSeek-V3's layer for multi-token prediction, which transformers never saves."""
    folder = own("deepseek_v3")
    extra = {"model.layers.3.eh_proj.weight": torch.ones(2, 3), "mtp.norm.weight": torch.ones(2)}
    edit(folder, lambda t: t.update(extra), "base")
    out = assert_built_alike(folder, "deepseek_v3")
    written = load_file(out / "model.safetensors")
    assert all(torch.equal(written[name], tensor) for name, tensor in extra.items())


def test_a_difference_outside_the_sample_is_found_before_a_merge(own: Callable[..., Path]) -> None:
    folder = own("llama")
    large = torch.zeros(200_000)
    edit(folder, lambda t: t.update({"vision_tower.weight": large}))
    edit(folder, lambda t: t["vision_tower.weight"][3].fill_(1.0), "red")
    check_fit(opened(folder))
    for refuse in (
        lambda: check_copied(opened(folder)),
        lambda: load_engine(opened(folder)),
        lambda: built(folder, ARITHMETIC, folder / "out"),
    ):
        with pytest.raises(CheckpointError, match=r"'red' has another vision_tower\.weight"):
            refuse()
    assert not (folder / "out").exists()


@pytest.mark.parametrize("kind", ["gemma3", "llava", "qwen2_vl"])
def test_other_eyes_are_refused(own: Callable[..., Path], kind: str) -> None:
    folder = own(kind, tied=True)
    name = next(iter(opened(folder)[0].copied))
    edit(folder, lambda t: t[name].view(-1)[0].add_(1.0), "blue")
    with pytest.raises(CheckpointError, match=rf"'blue' has another {name}.*only the decoder"):
        check_fit(opened(folder))


def test_a_tensor_that_the_model_does_not_use_is_ignored_in_place_and_built(
    own: Callable[..., Path],
) -> None:
    folder = own("llama")
    before = merged(folder)
    for value, name in enumerate(("base", "red", "blue")):
        edit(
            folder, lambda t, v=value: t.update({"score.weight": torch.full((2, 2), v + 1.0)}), name
        )
    engine = merged(folder)
    assert_one_model(engine.model, before.model)
    assert "score.weight" not in engine._targets
    out = built(folder, ARITHMETIC, folder / "out")
    wanted = 1 + 0.4 * (2 - 1) - 0.3 * (3 - 1)
    found = load_file(out / "model.safetensors")["score.weight"]
    torch.testing.assert_close(found, torch.full((2, 2), wanted))


@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_a_tensor_that_the_model_does_not_use_draws_its_masks_all_the_same(
    own: Callable[..., Path], mode: Mode
) -> None:
    folder = own("llama")
    edit(folder, lambda t: t.update({"a_head.weight": t["lm_head.weight"].clone()}))
    text = recipe("dare_linear", "float32", density=0.5)
    engine = load_engine(opened(folder), seed=5, mode=mode)
    engine.apply(parse_recipe(text))
    out = built(folder, text, folder / "out", mode=mode)
    assert_one_model(engine.model, loaded("llama", False, out, torch.float32))


def test_a_renaming_that_leads_nowhere_is_dropped_as_transformers_does(
    own: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import conversion_mapping, core_model_loading, modeling_utils

    folder = own("llama")
    for place in (conversion_mapping, modeling_utils):
        renaming = core_model_loading.WeightRenaming("mlp.up_proj", "mlp.nowhere")
        monkeypatch.setattr(place, "get_model_conversion_mapping", lambda *a, r=renaming: [r])
    assert_built_alike(folder, "llama")


def test_a_model_that_lacks_a_weight_is_refused(own: Callable[..., Path]) -> None:
    folder = own("llama")
    edit(folder, lambda t: t.pop("lm_head.weight"))
    said = r"base does not hold lm_head\.weight, which a LlamaForCausalLM needs"
    with pytest.raises(CheckpointError, match=said):
        check_in_place(opened(folder)[0])
    with pytest.raises(CheckpointError, match=said):
        load_engine(opened(folder))


def test_a_model_that_lacks_a_layer_is_refused(own: Callable[..., Path]) -> None:
    folder = own("gpt2")

    def drop(tensors: Tensors) -> None:
        for name in [n for n in tensors if ".h.1." in n]:
            del tensors[name]

    edit(folder, drop)
    with pytest.raises(CheckpointError, match="'base' holds no tensor of layer 1"):
        check_fit(opened(folder))


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma3"])
@pytest.mark.parametrize("said", [True, False], ids=["said", "by default"])
def test_a_tied_head_that_is_stored_twice_is_one_tensor(
    own: Callable[..., Path], kind: str, said: bool
) -> None:
    folder = own(kind, tied=True)
    table = next(
        n for n in opened(folder)[0].tensors if n.endswith(("wte.weight", "tokens.weight"))
    )
    head = "language_model.lm_head.weight" if kind == "gemma3" else "lm_head.weight"
    edit(folder, lambda t: t.update({head: t[table].clone()}))
    if not said and kind == "gpt2":
        for name in ("base", "red", "blue"):
            file = folder / name / "config.json"
            settings = json.loads(file.read_text())
            del settings["tie_word_embeddings"]
            file.write_text(json.dumps(settings))
    out = assert_built_alike(folder, kind, tied=True)
    assert head not in load_file(out / "model.safetensors")


def test_two_names_of_one_live_tensor_that_the_config_does_not_explain_are_refused(
    own: Callable[..., Path],
) -> None:
    folder = own("gpt2", tied=True)

    def double(tensors: Tensors) -> None:
        tensors["transformer.lm_head.weight"] = tensors["transformer.wte.weight"].clone()
        tensors["wte.weight"] = tensors["transformer.wte.weight"].clone()

    edit(folder, double)
    with pytest.raises(CheckpointError, match=r"wte\.weight.* are one tensor in a GPT2LMHeadModel"):
        load_engine(opened(folder))


def test_heads_that_the_config_ties_but_the_files_do_not_are_merged_as_two(
    own: Callable[..., Path],
) -> None:
    """transformers loads such a model untied, with a warning."""
    folder = own("llama", tied=False)
    edit(folder, lambda t: None, tie_word_embeddings=True)
    check_in_place(opened(folder)[0])
    engine = merged(folder)
    assert engine.model.lm_head.weight is not engine.model.model.embed_tokens.weight
    assert_built_alike(folder, "llama")


@pytest.mark.parametrize("stored", ["base", "red"])
def test_a_base_and_an_expert_of_which_one_ties_its_head_are_refused(
    own: Callable[..., Path], stored: str
) -> None:
    folder = own("llama", tied=True)
    table = "model.embed_tokens.weight"
    edit(
        folder,
        lambda t: t.update({"lm_head.weight": t[table] + 1.0}),
        stored,
        tie_word_embeddings=False,
    )
    with pytest.raises(CheckpointError, match=r"has its own lm_head\.weight.*untie"):
        check_fit(opened(folder))


def test_a_model_type_that_transformers_does_not_know_is_refused(own: Callable[..., Path]) -> None:
    folder = own("llama")
    edit(folder, lambda t: None, model_type="strange", architectures=["StrangeLM"])
    with pytest.raises(CheckpointError, match="does not know the model type 'strange'"):
        check_in_place(opened(folder)[0])
    assert built(folder, ARITHMETIC, folder / "out").exists()


def test_a_model_that_is_no_language_model_is_refused(own: Callable[..., Path]) -> None:
    folder = own("llama")
    edit(folder, lambda t: None, model_type="vit", architectures=["ViTModel"])
    with pytest.raises(CheckpointError, match="a ViTModel is no causal language model"):
        check_in_place(opened(folder)[0])
