"""What adapters add is loaded without the models they change; what a prediction adds up."""

from pathlib import Path

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.merge.need import Need
from optimerge.merge.weights import load_factors

GOLDEN = Path(__file__).parents[1] / "data" / "golden_lora"
BASE = "models/qwen-bf16"


def test_of_an_adapter_its_factors_and_the_dtypes_of_what_it_holds_whole_are_loaded() -> None:
    models = [open_checkpoint(f"{BASE}{more}", GOLDEN) for more in ("", "+adapters/whole")]
    adapter = models[1].adapter
    assert adapter is not None
    merged = {info.name: name for name, info in models[1].merged.items()}
    whole = {merged[name] for name, each in adapter.changes.items() if each.whole is not None}
    factors = {merged[name] for name, each in adapter.changes.items() if each.factors is not None}
    found = load_factors(models, "cpu")
    assert whole
    assert set(found.dtypes) == {(models[1].reference, name) for name in whole}
    assert set(found.factors) == {(models[1].reference, name) for name in factors}
    assert found.dense == {}


def test_the_peak_is_all_that_is_held_and_worked_with_on_the_device() -> None:
    need = Need(
        "host", weights=1, resident=10, tables=100, temporaries=1000, buffers=10_000, host=7
    )
    assert need.peak == 11_111
