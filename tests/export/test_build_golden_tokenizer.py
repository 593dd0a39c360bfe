"""The golden recipe with a tokenizer, built whole, against the digests of mergekit's tensors."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from optimerge.export.build import build

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


@pytest.mark.parametrize("kind", ["f32", "bf16"])
def test_every_tensor_is_mergekit_s_bit_for_bit(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(GOLDEN)  # the recipe's paths are relative to that folder
    with gzip.open(GOLDEN / "digests.json.gz") as file:
        wanted = json.load(file)[f"{kind}/tokenizer_base"]["plain"]
    build(GOLDEN / "recipes" / kind / "tokenizer_base.yml", tmp_path / "out", mode="exact")
    found = load_file(tmp_path / "out" / "model.safetensors")
    digests = {
        name: hashlib.sha256(tensor.view(torch.uint8).numpy().tobytes()).hexdigest()[:16]
        for name, tensor in found.items()
    }
    assert digests == wanted


@pytest.mark.parametrize("name", ["tokenizer_union", "tokenizer_source_union_legacy"])
def test_a_union_of_sorted_vocabularies_is_the_larger_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(GOLDEN)
    build(GOLDEN / "recipes" / "f32" / f"{name}.yml", tmp_path / "out", mode="exact")
    tokenizer = json.loads((tmp_path / "out" / "tokenizer.json").read_text())
    assert [e["content"] for e in tokenizer["added_tokens"] if e["id"] >= 256] == [
        "t256",
        "t257",
        "t258",
        "t259",
    ]
    found = load_file(tmp_path / "out" / "model.safetensors")["model.embed_tokens.weight"]
    base, e2, tok = (
        load_file(GOLDEN / "models" / "f32" / model / "model.safetensors")[
            "model.embed_tokens.weight"
        ]
        for model in ("base", "e2", "tok")
    )
    # Only `tok` has the last rows, so base and e2 are given the same: nothing is left to add.
    assert torch.equal(found[256:], tok[256:])
    expected = base + (0.5 * (e2 - base) + 0.5 * (tok[:256] - base))
    torch.testing.assert_close(found[:256], expected, rtol=0, atol=1.2e-7)
