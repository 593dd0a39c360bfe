"""What a plan brings together is checked before any weight is read."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from optimerge.checkpoint import read
from optimerge.errors import CheckpointError, RecipeError
from optimerge.export.build import build

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"

Make = Callable[[str], Path]


def changed(folder: Path, tensors: dict[str, torch.Tensor], **config: object) -> None:
    """Write other tensors and config into a model's folder."""
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    old = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**old, **config}))


@pytest.fixture
def made(family: Path) -> Make:
    """Build a recipe beside the family and return the new model's folder."""

    def do(text: str) -> Path:
        (family / "recipe.yaml").write_text(text)
        return build(family / "recipe.yaml", family / "out").directory

    return do


@pytest.fixture
def shallow(family: Path) -> None:
    """Give blue two layers of the four."""
    tensors = load_file(family / "blue/model.safetensors")
    kept = {n: t for n, t in tensors.items() if ".layers.2." not in n and ".layers.3." not in n}
    changed(family / "blue", kept, num_hidden_layers=2, layer_types=["full_attention"] * 2)


@pytest.fixture
def tied(family: Path) -> None:
    """Take red's head away."""
    tensors = load_file(family / "red/model.safetensors")
    del tensors[HEAD]
    changed(family / "red", tensors, tie_word_embeddings=True)


def nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a weight was read")

    monkeypatch.setattr(read.TensorReader, "_tensor", refuse)


TWO = """\
merge_method: METHOD
slices:
- sources: [{model: base, layer_range: [1, 3]PLUS}]
- sources: [{model: blue, layer_range: [0, 2]PLUS}]
dtype: float32
"""
LINEAR = TWO.replace("METHOD", "linear").replace("PLUS", ", parameters: {weight: 1}")
COPIED = TWO.replace("METHOD", "passthrough").replace("PLUS", "")


@pytest.mark.usefixtures("shallow")
@pytest.mark.parametrize("text", [LINEAR, COPIED], ids=["linear", "passthrough"])
def test_slices_take_layers_from_models_of_any_depth(family: Path, made: Make, text: str) -> None:
    from transformers import AutoModelForCausalLM

    folder = made(text)
    base, blue = (load_file(family / n / "model.safetensors") for n in ("base", "blue"))
    found = load_file(folder / "model.safetensors")
    last = "mlp.up_proj.weight"
    assert torch.equal(found[f"model.layers.0.{last}"], base[f"model.layers.1.{last}"])
    assert torch.equal(found[f"model.layers.3.{last}"], blue[f"model.layers.1.{last}"])
    assert torch.equal(found[EMBEDDING], base[EMBEDDING])
    assert torch.equal(found[HEAD], blue[HEAD])
    assert AutoModelForCausalLM.from_pretrained(folder).config.num_hidden_layers == 4


@pytest.mark.usefixtures("shallow")
def test_models_of_another_depth_are_refused_without_slices(
    made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_is_read(monkeypatch)
    with pytest.raises(CheckpointError, match="has 2 layers and 'base' has 4; merge them by slic"):
        made("merge_method: karcher\nmodels: [{model: base}, {model: blue}]\n")


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        ("mlp.up_proj.weight", "mlp.up_proj.weight of the result would be 22 x 16 (from 'blue')"),
        (HEAD, "lm_head.weight of the result would be 22 x 16 (from 'blue') and model.embed_tok"),
    ],
)
def test_layers_and_tables_of_another_size_are_refused_in_a_layer_stack(
    family: Path, made: Make, monkeypatch: pytest.MonkeyPatch, cut: str, words: str
) -> None:
    tensors = load_file(family / "blue/model.safetensors")
    shorter = {n: t[:-2].contiguous() if n.endswith(cut) else t for n, t in tensors.items()}
    changed(family / "blue", shorter)
    nothing_is_read(monkeypatch)
    with pytest.raises(CheckpointError, match=re.escape(words)):
        made(COPIED)


@pytest.mark.parametrize("size", [slice(0, -2), None])
def test_a_tensor_of_another_shape_or_none_is_refused_in_a_merge(
    family: Path, made: Make, monkeypatch: pytest.MonkeyPatch, size: slice | None
) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    tensors = load_file(family / "blue/model.safetensors")
    kept = {n: t for n, t in tensors.items() if n != name}
    changed(family / "blue", {**kept, name: tensors[name][size].contiguous()} if size else kept)
    nothing_is_read(monkeypatch)
    said = f"'blue' has {name}" if size else f"'blue' has no {name}"
    with pytest.raises(CheckpointError, match=re.escape(said)):
        made("merge_method: karcher\nmodels: [{model: base}, {model: blue}]\n")


@pytest.mark.usefixtures("tied")
@pytest.mark.parametrize("base", ["base", "red"])
def test_a_head_that_is_the_embedding_merges_with_one_of_its_own(
    family: Path, made: Make, base: str
) -> None:
    from transformers import AutoModelForCausalLM

    folder = made(
        f"merge_method: linear\nbase_model: {base}\nmodels: [{{model: red, parameters: "
        "{weight: [{filter: lm_head, value: 3}, {value: 1}]}},"
        " {model: base, parameters: {weight: 1}}]\ndtype: float32\n"
    )
    red, own = (load_file(family / n / "model.safetensors") for n in ("red", "base"))
    found = load_file(folder / "model.safetensors")
    torch.testing.assert_close(found[HEAD], (3 * red[EMBEDDING] + own[HEAD]) / 4)
    torch.testing.assert_close(found[EMBEDDING], (red[EMBEDDING] + own[EMBEDDING]) / 2)
    loaded = AutoModelForCausalLM.from_pretrained(folder)
    assert loaded.config.tie_word_embeddings is False
    assert torch.equal(loaded.lm_head.weight, found[HEAD])


@pytest.mark.usefixtures("tied")
def test_a_result_without_a_head_is_refused_where_the_config_wants_one(
    made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_is_read(monkeypatch)
    with pytest.raises(CheckpointError, match="no output head: 'red' ties its own"):
        made(COPIED.replace("model: blue", "model: red"))


def test_weights_that_are_small_but_do_not_cancel_are_merged(family: Path, made: Make) -> None:
    folder = made(
        "merge_method: linear\nmodels: [{model: base, parameters: {weight: 1e-8}},"
        " {model: red, parameters: {weight: 1e-8}}]\ndtype: float32\n"
    )
    red, base = (load_file(family / n / "model.safetensors") for n in ("red", "base"))
    found = load_file(folder / "model.safetensors")
    torch.testing.assert_close(found[HEAD], (red[HEAD] + base[HEAD]) / 2)


def test_a_single_model_of_weight_0_is_what_multislerp_returns(family: Path, made: Make) -> None:
    folder = made(
        "merge_method: multislerp\nbase_model: base\nmodels: [{model: base},"
        " {model: red, parameters: {weight: 0}}]\ndtype: float32\n"
    )
    red = load_file(family / "red/model.safetensors")
    assert torch.equal(load_file(folder / "model.safetensors")[HEAD], red[HEAD])


@pytest.mark.parametrize(
    ("method", "weights", "where"),
    [
        ("linear", ("1.0", "-1.0"), "model.embed_tokens.weight"),
        ("linear", ("0.3", "[0.1, 0.1, -0.3, -0.7]"), "model.layers.2"),
        ("linear", ("0", "0"), "model.embed_tokens.weight"),
        ("multislerp", ("1.0", "[{filter: lm_head, value: -1}, {value: 1}]"), "lm_head.weight"),
    ],
)
def test_weights_that_cancel_are_refused_with_the_tensor_s_name(
    made: Make, monkeypatch: pytest.MonkeyPatch, method: str, weights: tuple[str, str], where: str
) -> None:
    nothing_is_read(monkeypatch)
    one, two = weights
    text = (
        f"merge_method: {method}\nmodels: [{{model: blue, parameters: {{weight: {one}}}}},"
        f" {{model: red, parameters: {{weight: {two}}}}}]\n"
    )
    with pytest.raises(RecipeError, match=f"{where}.* the weights sum to 0"):
        made(text)
