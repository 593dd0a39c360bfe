"""What a build foresees of its tensors is what mergekit wrote, and what the merge then gives."""

import json
from itertools import product
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.headers import read_header
from optimerge.export.build import build
from optimerge.export.slots import copied_names, slots_of
from optimerge.merge.plan import InputTensor, TensorPlan, make_plan
from optimerge.merge.selection.exact import ExactSelection
from optimerge.merge.selection.hashed import HashedSelection
from optimerge.merge.tensor import merged as merge
from optimerge.methods.registry import all_methods
from optimerge.recipe.read import read_recipe

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
REFUSED = {"unknown_parameter_ignored", "linear_zero_sum"}
ROWS = json.loads((GOLDEN / "manifest.json").read_text())["rows"]


@pytest.mark.parametrize("kind", ["f32", "bf16"])
def test_names_shapes_and_types_are_those_that_mergekit_wrote(kind: str) -> None:
    rows = [r for r in ROWS if r["set"] == kind and r["stored"] and r["name"] not in REFUSED]
    assert len(rows) > 15
    for row in rows:
        recipe = read_recipe(GOLDEN / row["recipe"])
        checkpoints = {r: open_checkpoint(r, GOLDEN) for r in recipe.references()}
        slots = slots_of(make_plan(recipe, checkpoints), checkpoints, None, {})
        wrote = read_header(GOLDEN / row["stored"])
        assert {s.name: (s.dtype, s.shape) for s in slots} == {
            name: (info.dtype, info.shape) for name, info in wrote.items()
        }, row["name"]


def cast(folder: Path, **types: torch.dtype) -> None:
    """Give the models types of their own, and a head of yet another to the last."""
    for name, dtype in types.items():
        file = folder / name / "model.safetensors"
        tensors = {key: tensor.to(dtype) for key, tensor in load_file(file).items()}
        save_file(tensors, file, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("types", "wanted"),
    [
        ((torch.float16, torch.float16, torch.float16), "F16"),
        ((torch.float16, torch.bfloat16, torch.float16), "F32"),
        ((torch.bfloat16, torch.float16, torch.float64), "F64"),
    ],
)
@pytest.mark.parametrize("method", ["ties", "nuslerp", "iso_c"])
def test_without_a_dtype_the_types_of_the_models_are_promoted(
    family: Path, tmp_path: Path, types: tuple[torch.dtype, ...], wanted: str, method: str
) -> None:
    cast(family, **dict(zip(("base", "red", "blue"), types, strict=True)))
    file = family / "recipe.yaml"
    file.write_text(text_of(method, ["red", "blue"]))
    build(file, tmp_path / "out", mode="exact")
    written = open_checkpoint(str(tmp_path / "out")).tensors
    assert {info.dtype for info in written.values()} == {wanted}


TYPES = (torch.bfloat16, torch.float16, torch.float32, torch.float64)


@pytest.mark.parametrize("name", sorted(all_methods()))
def test_every_method_keeps_type_and_shape(name: str) -> None:
    """Some compute in float32 at least, and are rounded to the slot's type when written."""
    for dtype, shape in product(TYPES, [(6, 8), (8,), (1, 1), (2, 3, 4)]):
        check_kept(name, dtype, shape)


def check_kept(name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    method = all_methods()[name]
    given = {"weight": 0.6, "density": 0.5, "t": 0.3}
    numbers, shared = (
        {p.name: given.get(p.name, p.default) for p in ps}
        for ps in (method.per_input, method.shared)
    )
    count = min(method.most_inputs or 3, 3)
    generator = torch.Generator().manual_seed(0)
    held = [torch.randn(shape, generator=generator).to(dtype) for _ in range(count + 1)]
    inputs = tuple(InputTensor(str(n), "w", numbers) for n in range(1, count + 1))
    base = None if method.base == "ignored" else InputTensor("0", "w", {})
    plan = TensorPlan("w", name, base, inputs, shared)
    for select in (HashedSelection(1, "w", list("123")), ExactSelection(generator)):
        merged = merge(plan, None, [held[int(item.model)] for item in plan.sources], select)
        assert merged.dtype in {dtype, torch.promote_types(dtype, torch.float32)}
        assert tuple(merged.shape) == shape


def text_of(name: str, models: list[str]) -> str:
    density = ", density: 0.5" if name == "ties" else ""
    lines = [f"- {{model: {model}, parameters: {{weight: 0.6{density}}}}}\n" for model in models]
    return f"merge_method: {name}\nbase_model: base\nmodels:\n" + "".join(lines)


def with_copies(folder: Path) -> Checkpoint:
    """Give all models tensors that are copied: one of no layer, one of a layer, integers."""
    for name in ("base", "red", "blue"):
        file = folder / name / "model.safetensors"
        copies = {
            "model.rotary_emb.inv_freq": torch.arange(4.0, dtype=torch.float64),
            "model.layers.1.self_attn.rotary_emb.inv_freq": torch.arange(4.0) + 0.5,
            "model.steps": torch.arange(3),
        }
        save_file({**load_file(file), **copies}, file, metadata={"format": "pt"})
    return open_checkpoint("base", folder)


def test_copies_keep_their_types_and_bytes(family: Path, tmp_path: Path) -> None:
    donor = with_copies(family)
    assert len(donor.copied) == 3
    file = family / "recipe.yaml"
    file.write_text(text_of("ties", ["red", "blue"]) + "dtype: float32\nout_dtype: bfloat16\n")
    built = build(file, tmp_path / "out")
    found = load_file(tmp_path / "out" / "model.safetensors")
    assert built.tensors == len(found)
    for name in donor.copied:
        given = load_file(family / "base" / "model.safetensors")[name]
        assert found[name].dtype == given.dtype
        assert torch.equal(found[name], given)


def test_fewer_layers_copy_nothing_of_a_layer(family: Path) -> None:
    with_copies(family)
    file = family / "recipe.yaml"
    file.write_text(
        "merge_method: passthrough\nslices:\n- sources: [{model: red, layer_range: [0, 2]}]\n"
    )
    recipe = read_recipe(file)
    checkpoints = {"red": open_checkpoint("red", family)}
    plan = make_plan(recipe, checkpoints)
    found = copied_names(checkpoints["red"], plan)
    assert sorted(found) == ["model.rotary_emb.inv_freq", "model.steps"]
