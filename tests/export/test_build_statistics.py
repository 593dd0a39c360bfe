"""Statistics where models differ in their vocabularies, and of LoRA adapters."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from vocabulary_family import make_family

from optimerge.calibration.calibrate import Request, calibrate
from optimerge.calibration.documents import Documents
from optimerge.export.build import build

TEXTS = Documents(("the cat sat on a mat", "the mat ran on the dog", "a mat"), "text")
LORA = Path(__file__).parents[1] / "data" / "golden_lora"
TABLES = ("model.embed_tokens.weight", "lm_head.weight")


@pytest.fixture
def family(tmp_path: Path) -> Path:
    make_family(tmp_path, "float32")
    for name in ("moved", "other"):
        calibrate(str(tmp_path / name), Request(TEXTS, ("fisher", "gram")), tmp_path / "s" / name)
    return tmp_path


def built(folder: Path, method: str) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    file = folder / f"{method}.yaml"
    file.write_text(
        f"merge_method: {method}\nbase_model: base\ndtype: float32\n"
        "models: [{model: moved, parameters: {weight: 1}}, {model: other, parameters: {weight: 2}}]\n"
        "tokenizer: {source: union}\n"
        "optimerge: {statistics: {moved: s/moved, other: s/other}}\n"
    )
    out = build(file, folder / f"out-{method}")
    return load_file(folder / f"out-{method}" / "model.safetensors"), out.notes


def test_tables_brought_to_one_vocabulary_are_the_weighted_mean(family: Path):
    """Their rows are no longer those that Fisher was measured on."""
    fisher, notes = built(family, "fisher")
    plain, _ = built(family, "multislerp")
    weights = {name: load_file(family / name / "model.safetensors") for name in ("moved", "other")}
    assert fisher[TABLES[0]].shape == plain[TABLES[0]].shape
    assert fisher[TABLES[0]].shape != weights["moved"][TABLES[0]].shape
    assert any("2 of " in note and "have no fisher statistic" in note for note in notes)
    row = _row(family, "out-fisher", "mat")
    own = {n: weights[n][TABLES[0]][_row(family, n, "mat")] for n in weights}
    wanted = (own["moved"] + 2 * own["other"]) / 3
    assert torch.allclose(fisher[TABLES[0]][row], wanted, atol=1e-6)
    q = "model.layers.0.self_attn.q_proj.weight"
    assert not torch.allclose(fisher[q], (weights["moved"][q] + 2 * weights["other"][q]) / 3)


def test_a_head_brought_to_another_vocabulary_keeps_its_gram(family: Path):
    """It belongs to the head's inputs, not to its rows."""
    merged, notes = built(family, "regmean")
    assert not any("(the first is lm_head" in note for note in notes)
    weights = {name: load_file(family / name / "model.safetensors") for name in ("moved", "other")}
    row = merged[TABLES[1]][_row(family, "out-regmean", "mat")]
    own = {n: weights[n][TABLES[1]][_row(family, n, "mat")] for n in weights}
    assert not torch.allclose(row, (own["moved"] + 2 * own["other"]) / 3, atol=1e-3)


def _row(family: Path, model: str, token: str) -> int:
    from tokenizers import Tokenizer

    return int(Tokenizer.from_file(str(family / model / "tokenizer.json")).token_to_id(token))


def test_an_adapter_is_measured_as_the_model_that_it_makes(tmp_path: Path):
    shutil.copytree(LORA / "models" / "qwen-bf16", tmp_path / "base")
    shutil.copytree(LORA / "adapters" / "plain", tmp_path / "lora")
    (tmp_path / "r.yaml").write_text("merge_method: passthrough\nmodels: [{model: base+lora}]\n")
    build(tmp_path / "r.yaml", tmp_path / "baked", mode="exact")
    make_family(tmp_path / "words", "float32")
    for name in ("base", "baked"):
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(tmp_path / "words" / "base" / file, tmp_path / name / file)
    request = Request(TEXTS, ("fisher", "gram"))
    for place, name in ((f"{tmp_path}/base+{tmp_path}/lora", "sum"), (f"{tmp_path}/baked", "baked"), (f"{tmp_path}/base", "base")):  # fmt: skip
        calibrate(place, request, tmp_path / "s" / name)
    for kind in ("fisher", "gram"):
        found, wanted, other = (load_file(tmp_path / "s" / n / f"{kind}.safetensors") for n in ("sum", "baked", "base"))  # fmt: skip
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)
        assert not all(torch.equal(found[name], other[name]) for name in wanted)
