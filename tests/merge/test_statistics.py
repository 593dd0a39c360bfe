"""Statistics of real models: measured, found again by each tensor, refused where they lie."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import CONFIGS
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from optimerge.calibration.calibrate import Request, calibrate
from optimerge.calibration.documents import Documents
from optimerge.checkpoint.folder import open_checkpoint
from optimerge.errors import CheckpointError, OptimergeError
from optimerge.export.build import build

Family = Callable[..., Path]
TEXTS = ("a b c d e f", "g h a", "b b c", "k l m n o p q r s t u v w")


def tokenizer() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {w: i for i, w in enumerate(["<pad>", "<eos>", *"abcdefghijklmnopqrstuvwxyz"])}
    inner = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>")


@pytest.fixture
def with_words(tiny: Family, tmp_path: Path) -> Family:
    """Return a function (kind) -> a copy of the family, with a tokenizer in each model."""

    def get(kind: str, **more: object) -> Path:
        shutil.copytree(tiny(kind, **more), tmp_path / kind)
        for name in ("base", "red", "blue"):
            tokenizer().save_pretrained(tmp_path / kind / name)
        return tmp_path / kind

    return get


def request_of(*kinds: str, texts: tuple[str, ...] = TEXTS, **more: object) -> Request:
    return Request(Documents(texts, "text"), kinds, **more)


# Plain; views of fused experts (transposed or not); Conv1D; fused qkv; a buffer that is merged.
@pytest.mark.parametrize("kind", ["llama", "gpt2", "phi3", "mixtral", "qwen3_moe", "deepseek_v3"])
def test_fisher_lies_where_the_files_hold_the_weights(with_words: Family, kind: str):
    """Squared gradients put in the place of the weights, and saved by transformers itself."""
    folder = with_words(kind)
    (done,) = calibrate(
        str(folder / "red"), request_of("fisher", texts=TEXTS[:1], labels="text"), folder / "stats"
    )
    model = AutoModelForCausalLM.from_pretrained(folder / "red")
    ids = tokenizer()(TEXTS[0], return_tensors="pt")["input_ids"]
    log_p = model(input_ids=ids, use_cache=False).logits[0, :-1].log_softmax(-1)
    log_p.gather(1, ids[0, 1:, None]).sum().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            squares = None if parameter.grad is None else parameter.grad.square()
            parameter.copy_(torch.zeros(()) if squares is None else squares)
    model.save_pretrained(folder / "squares")
    wanted = load_file(folder / "squares" / "model.safetensors")
    found = load_file(folder / "stats" / "fisher.safetensors")
    assert set(found) == set(wanted) - {n for n in wanted if n.endswith("e_score_correction_bias")}
    assert done.tensors == len(found)
    assert (kind == "deepseek_v3") == bool(done.without)
    for name, values in found.items():
        assert torch.allclose(values, wanted[name], rtol=1e-3, atol=1e-9 + 1e-5 * float(wanted[name].max())), name  # fmt: skip
    assert sum(float(v.sum()) for v in found.values()) > 0


@pytest.mark.parametrize("kind", ["llama", "gpt2", "phi3", "mixtral"])
def test_grams_have_the_inputs_width_of_their_layer(with_words: Family, kind: str):
    folder = with_words(kind)
    (done,) = calibrate(str(folder / "red"), request_of("gram"), folder / "stats")
    shapes = {n: i.shape for n, i in open_checkpoint(str(folder / "red")).merged.items()}
    found = load_file(folder / "stats" / "gram.safetensors")
    axes = json.loads((folder / "stats" / "gram.json").read_text()).get("axes", {})
    assert found.keys() | set(done.without) == shapes.keys()
    for name, gram in found.items():
        assert gram.shape == (shapes[name][axes.get(name, -1)],) * 2
        assert torch.equal(gram, gram.T)
    linear = {n for n in shapes if n.endswith(".weight") and ("proj" in n or "lm_head" in n or ".c_" in n)}  # fmt: skip
    assert found.keys() == {n for n in linear if "expert" not in n}
    assert bool(axes) == (kind == "gpt2")


RECIPE = """\
merge_method: {method}
models:
  - model: red
  - {{model: blue, parameters: {{weight: 0.5}}}}
dtype: float32
optimerge: {{statistics: {{red: stats/red, blue: stats/blue}}}}
"""


def measured(folder: Path, *kinds: str) -> Path:
    for seed, name in enumerate(("red", "blue")):
        calibrate(str(folder / name), request_of(*kinds, seed=seed), folder / "stats" / name)
    return folder


def written(folder: Path, text: str) -> Path:
    (folder / "recipe.yaml").write_text(text)
    return folder / "recipe.yaml"


def merged(folder: Path, text: str, out: str = "out") -> dict[str, torch.Tensor]:
    build(written(folder, text), folder / out)
    return load_file(folder / out / "model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_regmean_build_answers_like_its_models(with_words: Family, kind: str):
    """Of a first layer the inputs are known: the embeddings of each model, through its norm."""
    folder = measured(with_words(kind), "gram")
    found = merged(folder, RECIPE.format(method="regmean") + "parameters: {alpha: 1.0}\n")
    mean = merged(folder, RECIPE.format(method="linear").replace("- model: red", "- {model: red, parameters: {weight: 1.0}}"), "mean")  # fmt: skip
    name = {"llama": "model.layers.0.self_attn.q_proj.weight", "gpt2": "transformer.h.0.attn.c_attn.weight"}[kind]  # fmt: skip

    def inputs(model: str) -> torch.Tensor:
        live = AutoModelForCausalLM.from_pretrained(folder / model)
        ids = [tokenizer()(t, return_tensors="pt")["input_ids"] for t in TEXTS]
        with torch.no_grad():
            states = [live(input_ids=i, output_hidden_states=True).hidden_states[0] for i in ids]
            norm = live.model.layers[0].input_layernorm if kind == "llama" else live.transformer.h[0].ln_1  # fmt: skip
            return torch.cat([norm(s)[0] for s in states]).double()

    def lost(weights: dict[str, torch.Tensor]) -> float:
        total = 0.0
        for model, weight in (("red", 1.0), ("blue", 0.5)):
            own = load_file(folder / model / "model.safetensors")[name].double()
            change = weights[name].double() - own
            change = change if kind == "gpt2" else change.T
            total += weight * float((inputs(model) @ change).square().sum())
        return total

    assert lost(found) < 0.8 * lost(mean)
    for nudge in range(5):
        noise = torch.randn(found[name].shape, generator=torch.Generator().manual_seed(nudge))
        assert lost(found) < lost({name: found[name] + 0.01 * noise})


def test_a_fisher_build_is_the_average_by_the_files(with_words: Family):
    folder = measured(with_words("llama"), "fisher")
    found = merged(folder, RECIPE.format(method="fisher"))
    own = {m: load_file(folder / m / "model.safetensors") for m in ("red", "blue")}
    fisher = {m: load_file(folder / "stats" / m / "fisher.safetensors") for m in own}
    for name, tensor in found.items():
        f = {m: fisher[m][name].double() for m in own}
        typical = float((f["red"] + 0.5 * f["blue"]).mean() / 1.5)
        a, b = f["red"].clamp(min=1e-6 * typical), 0.5 * f["blue"].clamp(min=1e-6 * typical)
        wanted = (a * own["red"][name] + b * own["blue"][name]) / (a + b)
        assert torch.allclose(tensor.double(), wanted, atol=2e-6), name


def test_layers_of_a_slice_find_the_statistics_of_their_own_layer(with_words: Family):
    """A model that takes layers 2 and 0: each with what was measured on it."""
    folder = measured(with_words("llama"), "fisher")
    parts = "\n".join(
        f"  - sources: [{{model: red, layer_range: [{n}, {n + 1}]}}, {{model: blue, layer_range: [{n}, {n + 1}]}}]"
        for n in (2, 0)
    )
    text = f"merge_method: fisher\nslices:\n{parts}\ndtype: float32\noptimerge: {{statistics: {{red: stats/red, blue: stats/blue}}}}\n"
    found = merged(folder, text)
    whole = merged(folder, RECIPE.format(method="fisher").replace("0.5", "1.0"), "whole")
    for new, old in ((0, 2), (1, 0)):
        for part in ("self_attn.q_proj.weight", "mlp.down_proj.weight", "input_layernorm.weight"):
            assert torch.equal(found[f"model.layers.{new}.{part}"], whole[f"model.layers.{old}.{part}"])  # fmt: skip


def test_files_of_the_bare_model_find_their_statistics(with_words: Family):
    """An expert whose names lack a prefix: statistics have its own names."""
    folder = with_words("gpt2")
    plain = load_file(folder / "blue" / "model.safetensors")
    tensors = {n.removeprefix("transformer."): t for n, t in plain.items()}
    same = measured(folder, "fisher", "gram")
    before = {m: merged(same, RECIPE.format(method=m), f"{m}-1") for m in ("fisher", "regmean")}
    save_file(tensors, folder / "blue" / "model.safetensors", {"format": "pt"})
    measured(folder, "fisher", "gram")
    assert "h.0.ln_1.weight" in load_file(folder / "stats" / "blue" / "fisher.safetensors")
    for method, wanted in before.items():
        found = merged(folder, RECIPE.format(method=method), f"{method}-2")
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_every_wrong_statistic_is_refused_before_weights_are_read(
    with_words: Family, monkeypatch: pytest.MonkeyPatch
):
    folder = measured(with_words("llama"), "gram")

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a weight was read")

    monkeypatch.setattr("optimerge.checkpoint.read.TensorReader._tensor", forbidden)
    text = RECIPE.format(method="regmean")
    remedy = "run `optimerge calibrate {} --kind {} --text FILE`"

    def refused(changed: str, *said: str) -> None:
        with pytest.raises(OptimergeError) as caught:
            build(written(folder, changed), folder / "out")
        assert all(part in str(caught.value) for part in said), str(caught.value)
        assert not (folder / "out").exists()

    no_block = text[: text.index("optimerge:")]
    refused(no_block, "regmean needs statistics of 'red', 'blue'", remedy.format("red blue", "gram"))  # fmt: skip
    refused(text.replace(", blue: stats/blue", ""), "'blue'", remedy.format("blue", "gram"))
    refused(text.replace("blue: stats/blue", "bleu: stats/blue"), "did you mean 'blue'?")
    refused(text.replace("stats/blue", "stats/green"), "no folder", remedy.format("blue", "gram"))
    refused(RECIPE.format(method="fisher"), "it holds gram", remedy.format("red", "fisher"))
    refused(text.replace("blue: stats/blue", "blue: stats/red"), "measured on another model", remedy.format("blue", "gram"))  # fmt: skip
    shutil.copytree(folder / "stats" / "blue", folder / "other")
    reshape(folder / "other", "model.layers.1.mlp.up_proj.weight", (16, 15))
    refused(text.replace("stats/blue", "other"), "up_proj.weight of the shape (16, 15)", remedy.format("blue", "gram"))  # fmt: skip
    with pytest.raises(AssertionError, match="a weight was read"):
        build(written(folder, text), folder / "out")


def reshape(folder: Path, name: str, shape: tuple[int, ...]) -> None:
    from optimerge.checkpoint.statistics import open_statistics_file, write_statistics

    about = open_statistics_file(folder, "gram").about
    tensors = load_file(folder / "gram.safetensors") | {name: torch.zeros(shape)}
    shapes = {n: tuple(t.shape) for n, t in tensors.items()}
    write_statistics(folder, about, shapes, tensors.__getitem__)


def test_statistics_that_are_no_numbers_are_refused(with_words: Family):
    folder = measured(with_words("llama"), "gram")
    from optimerge.checkpoint.statistics import open_statistics_file, write_statistics

    place = folder / "stats" / "blue"
    tensors = load_file(place / "gram.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][0, 0] = torch.nan
    about = open_statistics_file(place, "gram").about
    write_statistics(place, about, {n: tuple(t.shape) for n, t in tensors.items()}, tensors.__getitem__)  # fmt: skip
    with pytest.raises(CheckpointError, match=r"up_proj.weight holds NaN"):
        build(written(folder, RECIPE.format(method="regmean")), folder / "out")


def test_a_model_that_overflows_is_refused(with_words: Family):
    folder = with_words("llama")
    file = folder / "red" / "model.safetensors"
    tensors = load_file(file)
    tensors["model.layers.1.mlp.up_proj.weight"][0, 0] = torch.nan
    save_file(tensors, file, {"format": "pt"})
    for kind in ("fisher", "gram"):
        with pytest.raises(CheckpointError, match="overflows on these documents"):
            calibrate(str(folder / "red"), request_of(kind), folder / "stats")
    assert not (folder / "stats").exists()


def test_half_precision_models_are_measured_without_underflow(with_words: Family):
    folder = with_words("llama", dtype=torch.float16)
    calibrate(str(folder / "red"), request_of("fisher", "gram"), folder / "stats")
    tensors = load_file(folder / "red" / "model.safetensors")
    save_file({n: t.float() for n, t in tensors.items()}, folder / "red" / "model.safetensors", {"format": "pt"})  # fmt: skip
    calibrate(str(folder / "red"), request_of("fisher", "gram"), folder / "wide")
    for kind in ("fisher", "gram"):
        found, wanted = (load_file(folder / d / f"{kind}.safetensors") for d in ("stats", "wide"))
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_documents_are_cut_at_the_models_context(with_words: Family):
    folder = with_words("llama")
    assert CONFIGS["llama"](False).max_position_embeddings == 32
    long = " ".join("abcdefgh" * 9)
    (done,) = calibrate(str(folder / "red"), request_of("gram", texts=(long, "a")), folder / "s")
    assert (done.about.documents, done.about.tokens) == (1, 32)
    (done,) = calibrate(str(folder / "red"), request_of("gram", texts=(long,), max_length=5), folder / "s")  # fmt: skip
    assert done.about.tokens == 5
    with pytest.raises(OptimergeError, match="has two tokens"):
        calibrate(str(folder / "red"), request_of("gram", texts=("a", "b")), folder / "s")
