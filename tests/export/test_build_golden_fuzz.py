"""Random recipes in every shape that mergekit reads, built and compared with its recorded output.

`tests/data/golden_fuzz/make.py` says how they were drawn and recorded.
"""

import hashlib
import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from optimerge.errors import RecipeError
from optimerge.export.build import build
from optimerge.merge import plan as planning
from optimerge.merge import tensor as merging
from optimerge.methods.registry import method_named
from optimerge.recipe import values

DATA = Path(__file__).parents[1] / "data" / "golden_fuzz"
RECIPES: dict[str, dict[str, Any]] = yaml.safe_load((DATA / "recipes.yml").read_text())
DIGESTS: dict[str, str] = json.loads((DATA / "digests.json").read_text())

Built = Callable[[str], str]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("golden_fuzz_models", DATA / "models.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("fuzz")
    module.make_models(folder)
    return folder


@pytest.fixture
def built(zoo: Path, tmp_path: Path) -> Built:
    """Build a recipe and return the digest of names, types and bytes."""

    def do(name: str) -> str:
        recipe = RECIPES[name]
        file = zoo / f"{tmp_path.name}.yml"
        file.write_text(yaml.safe_dump(recipe, sort_keys=False))
        build(file, tmp_path / name, mode="exact", seed=77)
        tensors = load_file(tmp_path / name / "model.safetensors")
        said = recipe.get("out_dtype") or recipe.get("dtype")
        assert said is None or {str(t.dtype) for t in tensors.values()} == {f"torch.{said}"}
        return digest(tensors)

    return do


def digest(tensors: dict[str, torch.Tensor]) -> str:
    whole = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        whole.update(tensor.view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()[:16]


def test_every_method_of_mergekit_is_there() -> None:
    assert RECIPES.keys() == DIGESTS.keys()
    assert len({recipe["merge_method"] for recipe in RECIPES.values()}) == 20


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_build_equals_mergekit(built: Built, name: str) -> None:
    assert built(name) == DIGESTS[name]


# Planted faults, each one that a recipe here once brought to light.


def noticed(built: Built, method: str) -> bool:
    """Whether a recipe of the method comes out otherwise, or is refused."""
    for name in (name for name, recipe in RECIPES.items() if recipe["merge_method"] == method):
        try:
            if built(name) != DIGESTS[name]:
                return True
        except RecipeError:
            return True
    return False


def test_plant_gradients_of_texts_and_switches_as_they_stand(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = values.interpolate
    monkeypatch.setattr(values, "interpolate", lambda value, depth, read: plain(value, depth))
    assert noticed(built, "dare_linear")


def test_plant_all_sources_of_the_last_slice(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "_like_first", lambda groups, method: groups[-1])
    assert noticed(built, "karcher")


def test_plant_a_base_that_joins_every_slice(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    group = planning._group

    def joining(part, recipe, joins, levels, checkpoints):
        return group(part, recipe, True, levels, checkpoints)

    monkeypatch.setattr(planning, "_group", joining)
    assert noticed(built, "karcher")


def test_plant_results_rounded_before_they_are_written(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = method_named("ramplus_tl")

    def rounded(group):
        return method.kernel(group).to(group.inputs[0].dtype)

    plant = replace(method, kernel=rounded)
    monkeypatch.setattr(merging, "method_named", {"ramplus_tl": plant}.__getitem__)
    assert noticed(built, "ramplus_tl")
