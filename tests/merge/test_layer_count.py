"""Candidates of other depths in one resident model: bit for bit what a build loads to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from tiny_models import CONFIGS, auto_class

from optimerge.checkpoint.architecture import layer_of
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.layer_count import check_layers_fit
from optimerge.errors import CheckpointError, TrialError
from optimerge.export.build import build
from optimerge.merge import layer_count
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.layer_count import check_depths
from optimerge.recipe.read import parse_recipe

Tiny = Callable[..., Path]
MORE = {
    "gemma3_window": tiny_models._config(
        "Gemma3Text", head_dim=8, sliding_window=3, **tiny_models._LAYER_KINDS
    ),
    "gemma2_window": tiny_models._config("Gemma2", head_dim=8, sliding_window=3),
    "mistral_window": tiny_models._config("Mistral", sliding_window=3),
    "cohere2": tiny_models._config("Cohere2", sliding_window=3),
    "gpt2_inverse": tiny_models._config(
        "GPT2", " ".join(tiny_models._COMMON), **tiny_models._GPT2, vocab_size=40,
        scale_attn_by_inverse_layer_idx=True, eos_token_id=1, bos_token_id=None,
    ),
    "kinds_without_pattern": tiny_models._config(
        "Qwen3", head_dim=8, sliding_window=3, use_sliding_window=True,
        layer_types=["full_attention", "full_attention", "sliding_attention"],
    ),
    "rope_by_layer": tiny_models._config("SmolLM3"),
    "shared_cache": tiny_models._config(
        "Gemma3nText", head_dim=8, layer_types=["full_attention"] * 3, num_kv_shared_layers=1,
        vocab_size_per_layer_input=40, hidden_size_per_layer_input=8, laurel_rank=4,
        activation_sparsity_pattern=None,
    ),
}  # fmt: skip
REFUSED = {
    "deepseek_v3": "layer 1 is built otherwise than layer 0",
    "shared_cache": "layer 2 is built otherwise than layer 0",
    "kinds_without_pattern": "layer_types for 3 layers of 2 kinds without a pattern",
    "rope_by_layer": "cannot be searched .transformers makes none of 7 layers",
}
FAST = ["llama", "qwen3", "qwen3_moe", "gpt_neox", *(kind for kind in MORE if kind != "cohere2")]
KINDS = [
    kind if kind in FAST else pytest.param(kind, marks=pytest.mark.slow)
    for kind in (*CONFIGS, *MORE)
    if kind not in REFUSED
]
CANDIDATES = (
    [("red", 0, 2), ("blue", 1, 3), ("red", 0, 3)],  # 7 layers
    [("blue", 1, 2), ("red", 0, 1)],
    [("blue", 1, 2), ("red", 1, 3)],  # as many as the base, and none in its place
    [("blue", 1, 2), ("blue", 1, 2), ("red", 0, 2)],  # one layer twice
    [("blue", 2, 3)],
)


@pytest.fixture(autouse=True)
def more_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, config in MORE.items():
        monkeypatch.setitem(CONFIGS, kind, config)


def text_of(slices: list[tuple[str, int, int]], dtype: str = "float32") -> str:
    lines = [
        f"- sources: [{{model: {model}, layer_range: [{start}, {end}]}}]\n"
        for model, start, end in slices
    ]
    head = f"merge_method: passthrough\ndtype: float32\nout_dtype: {dtype}\nslices:\n"
    return head + "".join(lines)


def opened(folder: Path) -> list[Checkpoint]:
    return [open_checkpoint(name, folder) for name in ("base", "red", "blue")]


def built(folder: Path, text: str, out: Path) -> Path:
    file = folder / f"{out.name}.yaml"
    file.write_text(text)
    build(file, out)
    return out


def loaded(kind: str, folder: Path, dtype: torch.dtype) -> Any:
    model, found = auto_class(CONFIGS[kind](True)).from_pretrained(
        folder, dtype=dtype, output_loading_info=True
    )
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    return model.eval()


IDS = torch.tensor([[3, 4, 5, 2, 7, 9, 11, 3, 8, 6, 5, 4]])


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return torch.as_tensor(model(input_ids=IDS).logits)


def written(model: Any) -> torch.Tensor:
    """Return what a model generates, with its cache."""
    how: dict[str, Any] = {"do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    mask = torch.ones_like(IDS)
    return torch.as_tensor(model.generate(IDS, attention_mask=mask, max_new_tokens=5, **how))


def same(engine: Engine, other: Any) -> bool:
    left, right = engine.model.state_dict(), other.state_dict()
    if left.keys() != right.keys():
        return False
    equal = all(torch.equal(tensor, right[name]) for name, tensor in left.items())
    return equal and torch.equal(logits(engine.model), logits(other))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_depth_is_what_a_build_of_it_loads_to(tiny: Tiny, tmp_path: Path, kind: str) -> None:
    tied = kind not in ("llama", "gpt_neox")
    dtype = torch.float32 if tied else torch.bfloat16
    folder = tiny(kind, tied, dtype)
    check_layers_fit(opened(folder), one_config=True)
    engine = load_engine(opened(folder), layers=(1, 7))
    for number, slices in enumerate((*CANDIDATES, CANDIDATES[0])):
        text = text_of(slices, str(dtype).removeprefix("torch."))
        stats = engine.apply(parse_recipe(text))
        out = tmp_path / str(number % len(CANDIDATES))
        other = loaded(kind, out if out.exists() else built(folder, text, out), dtype)
        assert same(engine, other), slices
        if number < 2:
            assert torch.equal(written(engine.model), written(other))
        assert not stats.compared
        assert (stats.nonzero, stats.l1, stats.l2) == (0, 0.0, 0.0)
        language = [n for n, _ in other.named_parameters() if tiny_models.language_part(n)]
        parameters = dict(other.named_parameters())
        stored = sum(parameters[name].numel() for name in language)
        assert stats.parameters == stored


@pytest.mark.parametrize("kind", REFUSED)
def test_architectures_whose_depth_matters_are_refused(tiny: Tiny, kind: str) -> None:
    models = opened(tiny(kind, True))
    with pytest.raises(CheckpointError, match=REFUSED[kind]) as caught:
        check_layers_fit(models, one_config=True)
        check_depths(models[0], 1, 7)
    assert "\n" not in str(caught.value)


def test_what_depends_on_the_number_of_layers_is_seen(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.models.llama.modeling_llama import LlamaDecoderLayer

    real = LlamaDecoderLayer.__init__

    def init(self: Any, config: Any, layer_idx: int) -> None:
        real(self, config, layer_idx)
        self.last = layer_idx == config.num_hidden_layers - 1

    base = opened(tiny("llama", True))[0]
    check_depths(base, 1, 7)
    monkeypatch.setattr(LlamaDecoderLayer, "__init__", init)
    with pytest.raises(CheckpointError, match=r"layers\.0\.last depends on how many layers"):
        check_depths(base, 1, 7)


def test_constants_of_one_layer_are_seen(tiny: Tiny) -> None:
    models = opened(tiny("llama", True))
    engine = load_engine(models)
    engine.model.model.layers[2].register_buffer("slope", torch.ones(1))
    with pytest.raises(CheckpointError, match="slope"):
        layer_count.LayerCount(engine.model, models[0], 7)


@pytest.mark.parametrize("plant", ["config", "modules", "place"])
@pytest.mark.parametrize(
    "kind", ["gemma3_window", pytest.param("gpt2_inverse", marks=pytest.mark.slow)]
)
def test_planted_faults_are_noticed(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: str, kind: str
) -> None:
    folder = tiny(kind, True)
    engine = load_engine(opened(folder), layers=(1, 7))
    text = text_of(CANDIDATES[0])
    other = loaded(kind, built(folder, text, tmp_path / "out"), torch.float32)
    real = layer_count.LayerCount.use

    def use(self: layer_count.LayerCount, layers: int) -> None:
        real(self, layers)
        if plant == "modules":
            self._stack.append(self._stack[0])
        if plant == "config":
            real(self, 2)
            del self._stack[:]
            self._stack.extend(self._places[:layers])
        if plant == "place":
            for module in self._stack[5].modules():
                if hasattr(module, "layer_idx"):
                    module.layer_idx = 4

    monkeypatch.setattr(layer_count.LayerCount, "use", use)
    engine.apply(parse_recipe(text))
    assert not_one_model(engine, other)


def not_one_model(engine: Engine, other: Any) -> bool:
    """Whether a model differs from the live one, or the live one breaks."""
    if engine.model.config.num_hidden_layers != other.config.num_hidden_layers:
        return True
    try:
        equal = same(engine, other) and torch.equal(written(engine.model), written(other))
    except (IndexError, RuntimeError, ValueError):
        return True
    return not equal


def test_a_recipe_deeper_than_the_model_is_a_failed_trial(tiny: Tiny) -> None:
    engine = load_engine(opened(tiny("llama", True)), layers=(1, 4))
    with pytest.raises(TrialError, match="the recipe has 7 layers, the model room for 4"):
        engine.apply(parse_recipe(text_of(CANDIDATES[0])))


def test_nan_is_noticed_without_a_base_to_compare_with(tiny: Tiny) -> None:
    engine = load_engine(opened(tiny("llama", True)), layers=(1, 4))
    name = "model.layers.1.mlp.up_proj.weight"
    engine.weights.dense["blue", name][0, 0] = float("nan")
    with pytest.raises(TrialError, match=r"NaN or infinite weights in model\.layers\.0\.mlp\.up"):
        engine.apply(parse_recipe(text_of(CANDIDATES[1])))


def test_a_model_is_recognised_only_at_its_own_depth(tiny: Tiny) -> None:
    engine = load_engine(opened(tiny("llama", True)), layers=(1, 7))
    engine.apply(parse_recipe(text_of([("red", 0, 3)])))
    assert engine.holds("red")
    assert not engine.holds("blue")
    engine.apply(parse_recipe(text_of([("red", 0, 2)])))
    assert not engine.holds("red")


def test_what_did_not_change_is_not_written_again(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optimerge.merge import placer

    engine = load_engine(opened(tiny("llama", True)), layers=(1, 7))
    engine.apply(parse_recipe(text_of([("red", 0, 3)])))
    written_names: list[str] = []
    real = placer.inputs_of

    def spy(tensor: Any, *rest: Any) -> Any:
        written_names.append(tensor.name)
        return real(tensor, *rest)

    monkeypatch.setattr(placer, "inputs_of", spy)
    engine.apply(parse_recipe(text_of([("red", 0, 3)])))
    assert written_names == []
    engine.apply(parse_recipe(text_of([("red", 0, 2), ("blue", 2, 3)])))
    assert {layer_of(name) for name in written_names} == {None, 2}
