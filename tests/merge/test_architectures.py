"""Every architecture: in place and built give one model, bit for bit; nothing is misplaced."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import CONFIGS, LAYERS, SEEING, auto_class, language_part

from optimerge.checkpoint.architecture import is_head, is_token_embedding, layer_of
from optimerge.checkpoint.fit import check_fit
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.errors import CheckpointError
from optimerge.export.build import build
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.resident import check_in_place
from optimerge.merge.tensor import Mode
from optimerge.recipe.read import parse_recipe

Tiny = Callable[..., Path]
NAMES = ("base", "red", "blue")
EVERY = pytest.mark.parametrize("kind", CONFIGS)
EITHER = pytest.mark.parametrize(
    ("kind", "tied"),
    [
        pytest.param(
            kind,
            tied,
            id=f"{kind}-{'tied' if tied else 'untied'}",
            marks=() if tied == (number % 2 == 0) else pytest.mark.slow,  # each kind in one way
        )
        for number, kind in enumerate(CONFIGS)
        for tied in (True, False)
    ],
)


def dtype_of(tied: bool) -> torch.dtype:
    """Both types are tried: float32 with tied heads, bfloat16 with heads of their own."""
    return torch.float32 if tied else torch.bfloat16


def opened(folder: Path) -> list[Checkpoint]:
    return [open_checkpoint(name, folder) for name in NAMES]


def recipe(method: str, out: str, weight: Any = 0.4, density: Any = None) -> str:
    extra = "" if density is None else f", density: {density}"
    return (
        f"merge_method: {method}\nbase_model: base\ndtype: float32\nout_dtype: {out}\nmodels:\n"
        f"- model: red\n  parameters: {{weight: {weight}{extra}}}\n"
        f"- model: blue\n  parameters: {{weight: -0.3{extra}}}\n"
    )


def built(folder: Path, text: str, out: Path, mode: Mode = "fast") -> Path:
    file = folder / f"{out.name}.yaml"
    file.write_text(text)
    build(file, out, mode=mode, seed=5)
    return out


def loaded(kind: str, tied: bool, folder: Path, dtype: torch.dtype | None = None) -> Any:
    kept = dtype or dtype_of(tied)
    model = auto_class(CONFIGS[kind](tied)).from_pretrained(folder, dtype=kept)
    return model.eval()


def assert_one_model(one: Any, other: Any) -> None:
    left, right = one.state_dict(), other.state_dict()
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        assert tensor.dtype == right[name].dtype
        assert torch.equal(tensor, right[name]), name
    ids = torch.tensor([[3, 4, 5, 2, 7]])
    with torch.no_grad():
        assert torch.equal(one(input_ids=ids).logits, other(input_ids=ids).logits)


@EITHER
def test_in_place_equals_the_build_loaded_by_transformers(
    tiny: Tiny, tmp_path: Path, kind: str, tied: bool
) -> None:
    method, density = ("task_arithmetic", None) if tied else ("ties", 0.4)
    folder = tiny(kind, tied, dtype_of(tied))
    name = str(dtype_of(tied)).removeprefix("torch.")
    text = recipe(method, name, density=density)
    engine = load_engine(opened(folder), seed=5)
    base = {n: t.clone() for n, t in engine.model.state_dict().items()}
    stats = engine.apply(parse_recipe(text))
    out = built(folder, text, tmp_path / f"{method}-{kind}-{tied}")
    assert_one_model(engine.model, loaded(kind, tied, out))
    for live, tensor in engine.model.state_dict().items():
        assert language_part(live) != torch.equal(tensor, base[live]), live
    written = open_checkpoint(str(out))
    assert {n: i.shape for n, i in written.tensors.items()} == {
        n: i.shape for n, i in opened(folder)[0].tensors.items()
    }
    assert stats.parameters == sum(i.parameters for i in written.merged.values())
    assert_ties(kind, tied, engine, out)


def assert_ties(kind: str, tied: bool, engine: Engine, out: Path) -> None:
    for model in (engine.model, loaded(kind, tied, out)):
        head, table = model.get_output_embeddings().weight, model.get_input_embeddings().weight
        assert (head is table) == tied
    assert open_checkpoint(str(out)).tied == tied
    assert any(map(is_head, open_checkpoint(str(out)).tensors)) != tied


@EITHER
def test_layers_embeddings_and_heads_are_those_of_the_live_model(
    tiny: Tiny, kind: str, tied: bool
) -> None:
    base, red, blue = opened(tiny(kind, tied, dtype_of(tied)))
    engine = load_engine([base, red, blue])
    layers = decoder_layers(engine.model)
    inputs = engine.model.get_input_embeddings().weight
    outputs = engine.model.get_output_embeddings().weight
    assert set(engine._targets) == set(base.merged)
    seen = set()
    for name, target in engine._targets.items():
        (owner,) = target.owners
        tensor = engine.model.state_dict(keep_vars=True)[owner]
        expected = [n for n, held in enumerate(layers) if id(tensor) in held]
        assert layer_of(name) == (expected[0] if expected else None), name
        assert is_token_embedding(name) == (tensor is inputs), name
        assert is_head(name) == (tensor is outputs and not tied), name
        seen |= set(expected)
    assert seen == set(range(LAYERS)) == set(range(base.layers))
    assert bool(base.copied) == (kind in SEEING)


def decoder_layers(model: Any) -> list[set[int]]:
    """Return the identities of all tensors of each decoder layer, found by the modules."""
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else model.base_model
    (layers,) = (m for m in decoder.children() if type(m) is torch.nn.ModuleList)
    return [{id(t) for t in layer.state_dict(keep_vars=True).values()} for layer in layers]


@EVERY
def test_gradients_and_filters_reach_the_layers_that_they_name(tiny: Tiny, kind: str) -> None:
    base, red, blue = opened(tiny(kind, True))
    engine = load_engine([base, red, blue])
    steps = {None: 0.0, 0: 0.0, 1: 0.5, 2: 1.0}
    engine.apply(only_red("[0.0, 0.5, 1.0]"))
    check_reached(engine, {name: steps[layer_of(name)] for name in base.merged})
    marker = next(n for n in base.merged if layer_of(n) == 2).partition("2.")[0]
    filters = f"[{{filter: {marker}1., value: 1.0}}, {{value: 0.0}}]"
    engine.apply(only_red(filters))
    check_reached(engine, {name: float(layer_of(name) == 1) for name in base.merged})


def only_red(weight: str) -> Any:
    return parse_recipe(
        "merge_method: task_arithmetic\nbase_model: base\ndtype: float32\nmodels:\n"
        f"- {{model: red, parameters: {{weight: {weight}}}}}\n"
    )


def check_reached(engine: Engine, share: dict[str, float]) -> None:
    for name, target in engine._targets.items():
        base, red = engine.weights.dense["base", name], engine.weights.dense["red", name]
        torch.testing.assert_close(target.read(), base + share[name] * (red - base))


@EVERY
def test_siblings_fit_and_strangers_do_not(tiny: Tiny, kind: str) -> None:
    base, red, blue = opened(tiny(kind, True))
    check_fit([base, red, blue])
    check_in_place(base)
    kinds = [*CONFIGS, next(iter(CONFIGS))]
    stranger = open_checkpoint("red", tiny(kinds[kinds.index(kind) + 1], True))
    with pytest.raises(CheckpointError, match="model_type"):
        check_fit([base, stranger])
    headed = open_checkpoint("red", tiny(kind, False, torch.bfloat16))
    with pytest.raises(CheckpointError, match=r"has its own .*ties its output head"):
        check_fit([base, headed])
    with pytest.raises(CheckpointError, match=r"has its own .*ties its output head"):
        check_fit([headed, base])


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("dare_ties", "qwen3_moe"),
        ("della", "mixtral"),
        ("della", "gpt2"),
        ("dare_ties", "gemma3"),
        pytest.param("della", "qwen3_moe", marks=pytest.mark.slow),
        pytest.param("dare_ties", "mixtral", marks=pytest.mark.slow),
        pytest.param("dare_ties", "gpt2", marks=pytest.mark.slow),
        pytest.param("della", "gemma3", marks=pytest.mark.slow),
    ],
)
def test_exact_mode_draws_as_a_build_does(
    tiny: Tiny, tmp_path: Path, kind: str, method: str
) -> None:
    folder = tiny(kind, True)
    text = recipe(method, "float32", density=0.5)
    engine = load_engine(opened(folder), seed=5, mode="exact")
    engine.apply(parse_recipe(text))
    out = built(folder, text, tmp_path / f"exact-{kind}-{method}", mode="exact")
    assert_one_model(engine.model, loaded(kind, True, out))
