"""Experts in int8 steps: what is scored in place is what is built, parents stay what they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.errors import CheckpointError, RecipeError, TrialError
from optimerge.export.build import build
from optimerge.merge import fused, int8_steps
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.rounding import Rounding, make_rounding
from optimerge.methods.registry import all_methods
from optimerge.recipe.read import parse_recipe

BLOCK = "optimerge: {task_vectors: int8, seed: 5}\n"
MODELS = ("base", "red", "blue")
Tensors = dict[str, torch.Tensor]


def text_of(method: str, dtype: str = "float32", out: str = "float32") -> str:
    """Return a recipe with every per-input parameter that the method has."""
    found = all_methods()[method]
    lines = [f"merge_method: {method}", "base_model: base", f"dtype: {dtype}", f"out_dtype: {out}"]
    lines.append("models:")
    most = 2 if found.most_inputs is None else found.most_inputs
    experts = (("red", 0.7, 0.6), ("blue", 0.4, 0.5))[:most]
    base = (("base", 0.2, 0.5),) if found.base == "ignored" else ()
    for name, weight, density in (*experts, *base):
        values = {"weight": weight, "density": density}
        kept = {k: v for k, v in values.items() if (p := found.parameter(k)) and p.per_input}
        lines.append(f"- {{model: {name}, parameters: {kept}}}".replace("'", ""))
    if found.parameter("t"):
        lines.append("parameters: {t: 0.3}")
    return "\n".join(lines) + "\n" + BLOCK


def engine_of(folder: Path, *, models: tuple[str, ...] = MODELS, seed: int = 5) -> Engine:
    opened = [open_checkpoint(name, folder) for name in models]
    recipe = parse_recipe(text_of("ties"))
    rounding = make_rounding(recipe, {c.reference: c for c in opened}, "fast", "space")
    return load_engine(opened, seed=seed, rounding=rounding)


def live(engine: Engine) -> Tensors:
    return {name: target.read().clone() for name, target in engine._targets.items()}


def built(folder: Path, text: str, out: Path) -> Tensors:
    (folder / f"{out.name}.yaml").write_text(text)
    build(folder / f"{out.name}.yaml", out)
    return load_file(out / "model.safetensors")


def different(one: Tensors, other: Tensors) -> list[str]:
    assert one.keys() == other.keys()
    return [name for name in one if not torch.equal(one[name], other[name])]


@pytest.fixture(scope="module")
def steps_engine(made_family: Path) -> Engine:
    return engine_of(made_family)


KINDS = ("gpt2", "qwen2", "mixtral", "gemma3_text", "falcon", "qwen3_moe")
# passthrough has no base; those with statistics have a test of their own
METHODS = [n for n, m in all_methods().items() if n != "passthrough" and not m.statistics]


@pytest.mark.parametrize("method", METHODS)
def test_what_is_scored_is_what_is_built_by_every_method(
    made_family: Path, tmp_path: Path, steps_engine: Engine, method: str
) -> None:
    text = text_of(method)
    steps_engine.apply(parse_recipe(text))
    found = built(made_family, text, tmp_path / "out")
    assert different(found, live(steps_engine)) == []
    whole = built(made_family, text.replace(BLOCK, "optimerge: {seed: 5}\n"), tmp_path / "whole")
    assert different(found, whole)  # or the rounding would not be in it


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        pytest.param(kind, method, marks=() if i % 4 == j else pytest.mark.slow)
        for i, kind in enumerate(KINDS)
        for j, method in enumerate(("dare_ties", "della_linear", "linear", "slerp"))
    ],
)
def test_and_for_every_kind_of_architecture(
    tiny: Callable[..., Path], tmp_path: Path, kind: str, method: str
) -> None:
    folder = tiny(kind, tied=True, dtype=torch.bfloat16)
    engine, text = engine_of(folder), text_of(method, out="bfloat16")
    engine.apply(parse_recipe(text))
    assert different(built(folder, text, tmp_path / "out"), live(engine)) == []


def test_and_where_another_dtype_computes(
    made_family: Path, tmp_path: Path, steps_engine: Engine
) -> None:
    for dtype in ("bfloat16", "float64"):
        text = text_of("ties", dtype)
        steps_engine.apply(parse_recipe(text))
        assert different(built(made_family, text, tmp_path / dtype), live(steps_engine)) == []


@pytest.mark.parametrize("fault", ["build forgets", "another scale", "steps read as weights"])
def test_planted_faults_are_noticed(
    family: Path, tmp_path: Path, steps_engine: Engine, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text_of("ties")
    steps_engine.apply(parse_recipe(text))
    if fault == "build forgets":
        text = text.replace("task_vectors: int8, ", "")
    elif fault == "another scale":
        monkeypatch.setattr(int8_steps, "STEPS", 126)
    else:
        monkeypatch.setattr(
            fused, "readable", lambda tensors, base: [*map(int8_steps.dense, tensors)]
        )
    assert different(built(family, text, tmp_path / "out"), live(steps_engine))


def test_a_candidate_is_as_far_off_as_half_a_step_and_no_further(
    made_family: Path, steps_engine: Engine
) -> None:
    arithmetic = text_of("task_arithmetic")
    steps_engine.apply(parse_recipe(arithmetic))
    plain = load_engine([open_checkpoint(name, made_family) for name in MODELS])
    plain.apply(parse_recipe(arithmetic.replace(BLOCK, "")))
    ours, wanted = live(steps_engine), live(plain)
    steps = steps_engine.weights.steps
    for name, tensor in ours.items():
        half = 0.0
        if ("red", name) in steps:
            scales = [steps[m, name].scales.view(-1, 1) for m in ("red", "blue")]
            half = (0.7 * scales[0] + 0.4 * scales[1]) / 2 * 1.001
        assert bool(((tensor - wanted[name]).abs() <= half + 3e-7).all()), name
    assert different(ours, wanted)


def test_vectors_base_and_short_rows_keep_their_full_weights(steps_engine: Engine) -> None:
    dense, steps = steps_engine.weights.dense, steps_engine.weights.steps
    shapes = {name: info.shape for name, info in steps_engine.checkpoints["base"].merged.items()}
    for name, shape in shapes.items():
        assert ("base", name) in dense
        assert (("red", name) in steps) == (("red", name) not in dense) == (len(shape) == 2)


def test_a_recipe_without_the_mark_reads_the_full_weights_again(
    made_family: Path, tmp_path: Path
) -> None:
    engine = engine_of(made_family)
    copy = "merge_method: passthrough\nmodels: [{model: red}]\n"
    engine.apply(parse_recipe(text_of("ties")))
    engine.apply(parse_recipe(copy))
    red = load_file(made_family / "red" / "model.safetensors")
    assert different(red, live(engine)) == []
    assert engine.holds("red")
    assert not engine.holds("blue")
    ties = text_of("ties").replace("task_vectors: int8, ", "")
    engine.apply(parse_recipe(ties))
    assert different(built(made_family, ties, tmp_path / "out"), live(engine)) == []
    engine.apply(parse_recipe(text_of("ties")))
    text = text_of("ties")
    assert different(built(made_family, text, tmp_path / "again"), live(engine)) == []


def test_the_rounded_copy_of_an_expert_counts_as_the_expert(made_family: Path) -> None:
    engine = engine_of(made_family)
    text = text_of("task_arithmetic").replace("0.7", "1.0").replace("0.4", "0.0")
    engine.apply(parse_recipe(text))
    red = load_file(made_family / "red" / "model.safetensors")
    assert different(red, live(engine))
    assert engine.holds("red")
    assert not engine.holds("blue")
    assert not engine.holds("base")


def test_an_engine_of_full_weights_refuses_a_marked_recipe(made_family: Path) -> None:
    plain = load_engine([open_checkpoint(name, made_family) for name in MODELS])
    with pytest.raises(TrialError, match="takes int8 task vectors and the engine full weights"):
        plain.apply(parse_recipe(text_of("ties")))


def test_slices_that_take_other_layers_are_built_as_scored(
    made_family: Path, tmp_path: Path, steps_engine: Engine
) -> None:
    """There the task vector is not the one that is kept in steps."""
    text = (
        "merge_method: ties\nbase_model: base\ndtype: float32\nslices:\n"
        "- sources:\n"
        "  - {model: base, layer_range: [0, 2]}\n"
        "  - {model: red, layer_range: [2, 4], parameters: {weight: 0.7, density: 0.6}}\n"
        "  - {model: blue, layer_range: [0, 2], parameters: {weight: 0.5, density: 0.6}}\n"
        "- sources:\n"
        "  - {model: base, layer_range: [2, 4]}\n"
        "  - {model: red, layer_range: [2, 4], parameters: {weight: 0.3, density: 0.6}}\n"
    ) + BLOCK
    steps_engine.apply(parse_recipe(text))
    assert different(built(made_family, text, tmp_path / "out"), live(steps_engine)) == []


def test_steps_are_made_anew_only_once_a_file_and_take_a_quarter(made_family: Path) -> None:
    plain = load_engine([open_checkpoint(name, made_family) for name in MODELS])
    engine = engine_of(made_family)
    rounding = engine.rounding
    assert rounding is not None
    held = sum(rounding.held_bytes(c, n) for c in engine.checkpoints.values() for n in c.merged)
    assert engine.weights.bytes == held
    base = engine.checkpoints["base"].bytes
    assert plain.weights.bytes == 3 * base
    share = (held - base) / (2 * base)
    assert 0.25 < share < 0.35  # scales of rows of 16 are a fourth of their int8 entries


def test_nan_is_refused_by_the_tensor_s_name(family: Path) -> None:
    file, name = family / "red" / "model.safetensors", "model.layers.1.mlp.up_proj.weight"
    tensors = load_file(file)
    tensors[name][3, 3] = float("nan")
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=rf"red: {name} holds NaN"):
        engine_of(family)
    (family / "r.yaml").write_text(text_of("ties"))
    with pytest.raises(CheckpointError, match=rf"red: {name} holds NaN"):
        build(family / "r.yaml", family / "out")
    with pytest.raises(
        CheckpointError, match=r"differs .* cannot hold; leave `task_vectors: int8`"
    ):
        build(family / "r.yaml", family / "out", allow_nan=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("{task_vectors", "{mode: exact, task_vectors"), "exact mode must not"),
        (("base_model: base\n", ""), "steps from a base; add `base_model: MODEL`"),
        (("dtype: float32\nout", "out"), "say in which to merge, `dtype: float32`"),
        (("int8", "int4"), "task_vectors"),
    ],
)
def test_what_has_no_meaning_is_refused_in_a_sentence(
    family: Path, change: tuple[str, str], words: str
) -> None:
    text = text_of("linear")
    assert change[0] in text
    (family / "r.yaml").write_text(text.replace(*change))
    with pytest.raises(RecipeError, match=words):
        build(family / "r.yaml", family / "out")


def test_build_says_what_it_did_and_exact_is_refused(family: Path) -> None:
    (family / "r.yaml").write_text(text_of("ties"))
    assert "without that key `optimerge build` takes the full weights" in " ".join(
        build(family / "r.yaml", family / "out").notes
    )
    with pytest.raises(RecipeError, match="exact mode must not"):
        build(family / "r.yaml", family / "other", mode="exact")


def rule(checkpoints: list[Checkpoint], **more: Any) -> Rounding:
    return Rounding(checkpoints[0], frozenset({"base"}), **more)


def test_what_cannot_be_rounded_soundly_is_kept_whole(family: Path) -> None:
    file = family / "red" / "model.safetensors"
    tensors, name = load_file(file), "model.layers.0.mlp.up_proj.weight"
    tensors[name] = tensors[name].double()
    save_file(tensors, file, metadata={"format": "pt"})
    base, red = (open_checkpoint(n, family) for n in ("base", "red"))
    assert not rule([base]).applies(red, name)
    assert not rule([base]).applies(base, "lm_head.weight")
    assert not rule([base]).applies(red, "no such tensor")
    assert rule([base]).applies(red, "lm_head.weight")
    assert not rule([base], aligned=True).applies(red, "lm_head.weight")
    assert rule([base], aligned=True).applies(red, "model.layers.0.mlp.down_proj.weight")
