"""Experts that are LoRA adapters, merged: built as mergekit builds them, searched as built."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.cli.main import run
from optimerge.export.build import build
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.tensor import Mode
from optimerge.recipe.read import parse_recipe, read_recipe
from optimerge.records.run import open_run
from optimerge.search.models import open_models
from optimerge.search.tiers import needed
from optimerge.space.read import read_space

GOLDEN = Path(__file__).parents[1] / "data" / "golden_lora"
RECIPES = sorted(path.stem for path in (GOLDEN / "recipes").glob("*.yml"))
SEED = 7


@pytest.fixture(autouse=True)
def _in_the_golden_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)  # recipes name the models relative to it, as they did for mergekit


def built(name: str, out: Path, mode: Mode) -> dict[str, torch.Tensor]:
    build(GOLDEN / "recipes" / f"{name}.yml", out, mode=mode, seed=SEED)
    return load_file(out / "model.safetensors")


@pytest.mark.parametrize("name", RECIPES)
def test_exact_builds_are_mergekits_bit_for_bit(name: str, tmp_path: Path) -> None:
    found = built(name, tmp_path / "out", "exact")
    wanted = load_file(GOLDEN / "merged" / f"{name}.safetensors")
    assert found.keys() == wanted.keys()
    assert [n for n in wanted if not torch.equal(found[n], wanted[n])] == []


def test_fast_merges_lose_nothing_to_the_rounding_of_an_expert(tmp_path: Path) -> None:
    text = (GOLDEN / "recipes" / "task_arithmetic_float32.yml").read_text()
    (tmp_path / "wide.yml").write_text(text.replace("out_dtype: bfloat16", "out_dtype: float32"))
    found = {}
    for mode in ("fast", "exact"):
        build(tmp_path / "wide.yml", tmp_path / mode, mode=mode)
        found[mode] = load_file(tmp_path / mode / "model.safetensors")
    models = [GOLDEN / "models" / m / "model.safetensors" for m in ("qwen-bf16", "tuned-bf16")]
    base, tuned = map(load_file, models)
    held = load_file(GOLDEN / "adapters" / "plain" / "adapter_model.safetensors")
    name = "model.layers.1.mlp.down_proj"
    a, b = (held[f"base_model.model.{name}.lora_{side}.weight"].double() for side in "AB")
    start, other = base[f"{name}.weight"].double(), tuned[f"{name}.weight"].double()
    wanted = start + 0.4 * (2.0 * b @ a) + 0.4 * (other - start)
    errors = {
        m: float((t[f"{name}.weight"].double() - wanted).abs().max()) for m, t in found.items()
    }
    assert errors["fast"] < 1e-6
    assert errors["exact"] > 1e-4  # mergekit's experts are rounded to bfloat16


def engine_of(mode: Mode) -> Engine:
    recipe = read_recipe(GOLDEN / "recipes" / "dare_ties_float32.yml")
    return load_engine(
        [open_checkpoint(r, GOLDEN) for r in recipe.references()], mode=mode, seed=SEED
    )


@pytest.mark.parametrize("mode", ["fast", "exact"])
@pytest.mark.parametrize("name", ["dare_ties_float32", "linear_bfloat16"])
def test_what_is_scored_is_what_is_built(name: str, mode: Mode, tmp_path: Path) -> None:
    engine = engine_of(mode)
    engine.apply(read_recipe(GOLDEN / "recipes" / f"{name}.yml"))
    live = engine.model.state_dict()
    for tensor, wanted in built(name, tmp_path / "out", mode).items():
        assert torch.equal(live[tensor], wanted), tensor


def test_the_engine_keeps_factors_and_one_copy_of_the_base() -> None:
    engine = engine_of("fast")
    base, plain = "models/qwen-bf16", "models/qwen-bf16+adapters/plain"
    for name, tensor in engine.weights.dense.items():
        if name[0] == plain:
            assert tensor is engine.weights.dense[base, name[1]]
    adapters = [open_checkpoint(f"{base}+adapters/{a}", GOLDEN) for a in ("plain", "whole")]
    alone = load_engine([open_checkpoint(base, GOLDEN)]).weights.bytes
    held = load_engine([open_checkpoint(base, GOLDEN), *adapters]).weights.bytes
    assert held == alone + sum(c.adapter.bytes for c in adapters if c.adapter)


def test_a_parent_that_is_an_adapter_is_what_peft_bakes() -> None:
    engine = engine_of("fast")
    expert = "models/qwen-bf16+adapters/plain"
    engine.apply(parse_recipe(f"merge_method: passthrough\nmodels: [{{model: {expert}}}]"))
    baked = load_file(GOLDEN / "merged" / "copy_plain.safetensors")
    assert all(torch.equal(t, baked[n]) for n, t in engine.model.state_dict().items())
    assert engine.holds(expert)


@pytest.fixture
def lora_family(family: Path) -> Path:
    """Make red an adapter on base instead of a whole model."""
    generator = torch.Generator().manual_seed(5)
    red = family / "red"
    shutil.rmtree(red)
    red.mkdir()
    held = {}
    for layer in range(4):
        module = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        held[f"{module}.lora_A.weight"] = torch.randn(2, 16, generator=generator)
        held[f"{module}.lora_B.weight"] = torch.randn(16, 2, generator=generator)
    save_file(held, red / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 1, "target_modules": ["q_proj"]}
    (red / "adapter_config.json").write_text(json.dumps(config))
    space = family / "space.yaml"
    space.write_text(space.read_text().replace("model: red", "model: base+red"))
    return family


def test_a_search_over_an_adapter_exports_a_recipe_that_builds(
    lora_family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space, folder, out = lora_family / "space.yaml", tmp_path / "run", tmp_path / "out"
    assert run(["check", str(space)]) == 0
    assert "2 experts (red, blue)" in capsys.readouterr().out
    assert run(["search", str(space), "--run-dir", str(folder), "--trials", "7"]) == 0
    trials = open_run(folder).trials()
    assert [t.state for t in trials] == ["complete"] * 7
    assert any(t.origin == "expert:red" for t in trials)
    merge = next(t for t in trials if t.origin == "sampler")
    recipe = tmp_path / "elsewhere" / "recipe.yaml"
    assert run(["export", str(folder), "--trial", str(merge.number), "-o", str(recipe)]) == 0
    assert f"{lora_family}/base+{lora_family}/red" in recipe.read_text()
    assert run(["build", str(recipe), str(out)]) == 0
    weights = load_file(out / "model.safetensors")
    base = load_file(lora_family / "base" / "model.safetensors")
    differing = sum(int((weights[n] != base[n]).sum()) for n in base)
    assert differing / sum(t.numel() for t in base.values()) == pytest.approx(
        merge.scores["nonzero"].value, abs=1e-9
    )


def test_adapters_need_little_memory(lora_family: Path) -> None:
    space = read_space(lora_family / "space.yaml")
    small = needed(open_models(space), space).peak
    shutil.copytree(lora_family / "blue", lora_family / "whole")
    text = space.file.read_text().replace("base+red", "whole")
    space.file.write_text(text)
    space = read_space(space.file)
    assert needed(open_models(space), space).peak - small > 20_000
