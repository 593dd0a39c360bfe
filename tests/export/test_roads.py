"""What was scored, what is exported and what is built are one, for every method and way of varying.

mergekit's own numbers were recorded: `tests/data/golden_export`. With OPTIMERGE_MERGEKIT (the path
of a `mergekit-yaml`) a slow test lets that mergekit build every recipe anew.
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from roads import CALIBRATED, DATA, SEED, Road, for_mergekit, make_zoo, spaces
from safetensors.torch import load_file

from optimerge.export.build import build
from optimerge.export.compare import compare
from optimerge.merge.engine import Engine
from optimerge.methods.registry import all_methods

GOLDEN = DATA / "golden_export"
RECIPES: dict[str, Any] = json.loads((GOLDEN / "recipes.json").read_text())
DIGESTS: dict[str, dict[str, str]] = json.loads((GOLDEN / "digests.json").read_text())
if torch.backends.cpu.get_cpu_capability() == "AVX512":
    DIGESTS |= json.loads((GOLDEN / "digests_avx512.json").read_text())
MERGEKIT = os.environ.get("OPTIMERGE_MERGEKIT", "")


def digest(tensor: torch.Tensor) -> str:
    data = tensor.contiguous().view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(data).hexdigest()[:16]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_zoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="module")
def engines() -> dict[Any, Engine]:
    return {}


def test_every_method_of_mergekit_is_recorded() -> None:
    found = {recipe["merge_method"] for recipe in RECIPES.values()}
    assert found == {name for name, method in all_methods().items() if method.mergekit}
    assert RECIPES.keys() == DIGESTS.keys()
    assert {name.partition("-")[0] for name in spaces()} >= all_methods().keys() - CALIBRATED


@pytest.mark.parametrize("name", list(spaces()))
def test_fast_what_was_scored_is_what_is_built(
    name: str, zoo: Path, engines: dict[Any, Engine], tmp_path: Path
) -> None:
    resident, text = Road(name, zoo, "fast", engines).walk()
    file = tmp_path / "recipe.yaml"
    file.write_text(text)
    build(file, tmp_path / "out")
    built = load_file(tmp_path / "out" / "model.safetensors")
    assert compare({*resident, *built}, resident.get, built.get).same


@pytest.mark.parametrize("name", list(RECIPES))
def test_exact_what_was_scored_is_what_mergekit_builds_of_what_is_exported(
    name: str, zoo: Path, engines: dict[Any, Engine]
) -> None:
    resident, text = Road(name, zoo, "exact", engines).walk()
    assert for_mergekit(text, zoo) == RECIPES[name]
    assert {key: digest(tensor) for key, tensor in resident.items()} == DIGESTS[name]


def test_plant_another_seed_is_noticed(zoo: Path, engines: dict[Any, Engine]) -> None:
    road = Road("dare_ties-both", zoo, "exact", engines)
    engine = road.session.engine
    engine.seed = SEED + 1
    try:
        resident, _ = road.walk()
    finally:
        engine.seed = SEED
    assert {key: digest(tensor) for key, tensor in resident.items()} != DIGESTS["dare_ties-both"]


def test_plant_another_point_is_noticed(zoo: Path, engines: dict[Any, Engine]) -> None:
    resident, text = Road("ties-both", zoo, "exact", engines).walk(number=1)
    assert for_mergekit(text, zoo) != RECIPES["ties-both"]
    assert {key: digest(tensor) for key, tensor in resident.items()} != DIGESTS["ties-both"]


@pytest.mark.slow
@pytest.mark.skipif(not MERGEKIT, reason="OPTIMERGE_MERGEKIT names no mergekit-yaml")
def test_mergekit_builds_every_exported_recipe_to_what_was_scored(
    zoo: Path, engines: dict[Any, Engine], tmp_path: Path, record_property: Any
) -> None:
    python = Path(MERGEKIT).parent / "python"
    command = [python, GOLDEN / "make.py", zoo, "recipes.json", "digests.json", "tensors"]
    recipes, exact = {}, {}
    for name in spaces():
        for number in range(2):
            resident, text = Road(name, zoo, "exact", engines).walk(number)
            if (recipe := for_mergekit(text, zoo)) is not None:
                recipes[f"{name}-{number}"] = recipe
                exact[f"{name}-{number}"] = {k: digest(t) for k, t in resident.items()}
    (tmp_path / "recipes.json").write_text(json.dumps(recipes))
    own = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    subprocess.run(list(map(str, command)), cwd=tmp_path, env=own, check=True, capture_output=True)
    assert json.loads((tmp_path / "digests.json").read_text()) == exact
    for name in spaces():
        resident, _ = Road(name, zoo, "fast", engines).walk()
        file = tmp_path / "tensors" / f"{name}-0.safetensors"
        if file.exists():
            theirs = load_file(file)
            far = compare(resident, resident.get, theirs.get)
            record_property(name, f"{far.share:.4f} of the entries, relative {far.relative:.3g}")
            assert torch.isfinite(torch.tensor(far.relative))
