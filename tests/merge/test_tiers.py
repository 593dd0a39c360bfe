"""Tiers of memory: the same bytes wherever the weights are kept, and no error that hangs."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.errors import CheckpointError, TrialError
from optimerge.merge.disk import DiskWeights
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.readahead import ReadAhead
from optimerge.merge.ring import Ring
from optimerge.merge.store import Store
from optimerge.merge.tensor import Mode
from optimerge.merge.tiers import open_weights, staged
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe

GOLDEN = Path(__file__).parents[1] / "data" / "golden_lora"
TIERS = ("disk", "copied from memory", "copied from disk")
"""The copying ones are what a CUDA device has, with plain copies in place of its stream."""
METHODS = (
    "linear task_arithmetic ties dare_ties dare_linear della breadcrumbs sce model_stock nuslerp"
)
DENSE = ("ties", "dare_ties", "dare_linear", "della", "breadcrumbs")


def store_of(tier: str, checkpoints: list[Checkpoint]) -> Store:
    if tier == "disk":
        return open_weights(checkpoints, "cpu", "disk")
    inner = open_weights(checkpoints, "cpu", "disk" if "disk" in tier else "device")
    return staged(inner, checkpoints, "cpu")


def engines(checkpoints: list[Checkpoint], mode: Mode) -> dict[str, Engine]:
    """Return an engine of each tier."""
    made = {"device": load_engine(checkpoints, mode=mode, seed=3)}
    for tier in TIERS:
        other = load_engine(checkpoints, mode=mode, seed=3)
        made[tier] = replace(other, weights=store_of(tier, checkpoints))
    return made


@pytest.fixture(scope="session")
def by_mode(made_family: Path) -> Callable[[str], dict[str, Engine]]:
    made: dict[str, dict[str, Engine]] = {}

    def get(mode: Mode) -> dict[str, Engine]:
        if mode not in made:
            models = [open_checkpoint(name, made_family) for name in ("base", "red", "blue")]
            made[mode] = engines(models, mode)
        return made[mode]

    return get


def recipe(method: str, weights: tuple[float, float], density: float, head: float) -> Recipe:
    """Return a recipe; `head` is red's weight in the output head, which alone may change."""
    if method == "slerp":
        return parse_recipe(
            "merge_method: slerp\nbase_model: base\ndtype: float32\nmodels: [{model: red}]\n"
            f"parameters: {{t: [{{filter: lm_head, value: {abs(head) / 3}}}, {{value: 0.3}}]}}\n"
        )
    dense = f", density: {density}" if method in DENSE else ""
    of_red = f"[{{filter: lm_head, value: {head}}}, {{value: {weights[0]}}}]"
    weight = [", ".join(("weight: " + of_red, dense[2:])), f"weight: {weights[1]}{dense}"]
    if method in ("model_stock", "sce"):
        weight = ["", ""]
    base = "" if method == "linear" else "base_model: base\n"
    return parse_recipe(
        f"merge_method: {method}\n{base}dtype: float32\nmodels:\n"
        f"- model: red\n  parameters: {{{weight[0].rstrip(', ')}}}\n"
        f"- model: blue\n  parameters: {{{weight[1]}}}\n"
    )


def assert_same(made: dict[str, Engine], wanted: Recipe) -> None:
    """Check that all tiers give the same weights and the same statistics, or the same complaint."""
    found = {}
    for tier, engine in made.items():
        try:
            stats = engine.apply(wanted)
        except TrialError as error:
            found[tier] = str(error)
            continue
        found[tier] = (stats.parameters, stats.nonzero, stats.l1, stats.l2)
    assert len(set(map(str, found.values()))) == 1, found
    live = {tier: engine.model.state_dict() for tier, engine in made.items()}
    for tier in TIERS:
        odd = [n for n, t in live["device"].items() if not torch.equal(live[tier][n], t)]
        assert odd == [], tier


@pytest.mark.parametrize("mode", ["fast", "exact"])
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    method=st.sampled_from([*METHODS.split(), "slerp"]),
    weights=st.tuples(*[st.sampled_from([-0.4, 0.0, 0.5, 1.0])] * 2),
    density=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    heads=st.lists(st.sampled_from([0.1, 0.5, 2.0]), min_size=1, max_size=2),
)
def test_every_tier_gives_the_same_bytes(
    by_mode: Callable[[str], dict[str, Engine]],
    mode: str,
    method: str,
    weights: tuple[float, float],
    density: float,
    heads: list[float],
) -> None:
    if method == "nuslerp" and sum(weights) == 0:
        weights = (0.5, 0.5)
    if method == "della":
        density = min(max(density, 0.2), 0.8)  # its epsilon must have room
    if method == "linear" and sum(weights) == 0:
        weights = (1.0, 0.5)
    for head in heads:
        assert_same(by_mode(mode), recipe(method, weights, density, head))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_every_tier_gives_the_same_bytes_with_adapters(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(GOLDEN)
    base = "models/qwen-bf16"
    names = [base, *(f"{base}+adapters/{a}" for a in ("plain", "whole")), "models/tuned-bf16"]
    made = engines([open_checkpoint(n, GOLDEN) for n in names], mode)
    for dtype in ("float32", "bfloat16"):
        for method, rest in (
            ("ties", ", density: 0.5"),
            ("dare_ties", ", density: 0.3"),
            ("linear", ""),
        ):
            models = "".join(
                f"- {{model: {n}, parameters: {{weight: 0.4{rest}}}}}\n" for n in names[1:]
            )
            top = "" if method == "linear" else f"base_model: {base}\n"
            text = f"merge_method: {method}\n{top}dtype: {dtype}\nout_dtype: bfloat16\n"
            assert_same(made, parse_recipe(f"{text}models:\n{models}"))
    for name in names:
        text = f"merge_method: passthrough\nmodels: [{{model: {name}}}]"
        assert_same(made, parse_recipe(text))
        assert made["disk"].holds(name)


class Careless(Ring):
    """A ring that gives the same memory to every step, in use or not."""

    def take(self, size: int) -> torch.Tensor | None:
        super().take(1)
        return self._memory[self._first : self._first + size]

    def _room(self, size: int) -> int | None:
        return 0


def test_a_buffer_filled_again_while_it_is_merged_would_be_seen(
    made_family: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [open_checkpoint(name, made_family) for name in ("base", "red", "blue")]
    wanted = recipe("dare_ties", (0.5, 0.5), 0.5, 0.1)
    resident, streamed = load_engine(models), load_engine(models, memory="disk")

    def late(self: ReadAhead) -> torch.Tensor:
        self._thread.join()  # all has been read before the first step is merged
        return self._ready.popleft()

    monkeypatch.setattr("optimerge.merge.ring.Ring", Careless)
    monkeypatch.setattr(ReadAhead, "next", late)
    assert isinstance(streamed.weights, DiskWeights)
    streamed.weights._ring._ring = None
    resident.apply(wanted)
    streamed.apply(wanted)
    live = [e.model.state_dict() for e in (resident, streamed)]
    assert not all(torch.equal(t, live[1][n]) for n, t in live[0].items())


def disk_engine(family: Path) -> Engine:
    models = [open_checkpoint(name, family) for name in ("base", "red", "blue")]
    return load_engine(models, seed=3, memory="disk")


def no_reader_is_left() -> bool:
    return not any("read-ahead" in t.name for t in threading.enumerate())


def test_a_file_cut_during_a_search_is_said(family: Path) -> None:
    engine = disk_engine(family)
    file = family / "red" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"red/model\.safetensors' is no whole safetensors"):
        engine.apply(recipe("ties", (0.5, 0.5), 0.5, 0.1))
    assert no_reader_is_left()


def test_a_missing_shard_is_said_and_the_search_goes_on_when_it_is_back(family: Path) -> None:
    engine = disk_engine(family)
    file, wanted = family / "red" / "model.safetensors", recipe("ties", (0.5, 0.5), 0.5, 0.1)
    file.rename(family / "away")
    with pytest.raises(CheckpointError, match=r"cannot be read \(No such file"):
        engine.apply(wanted)
    assert no_reader_is_left()
    (family / "away").rename(file)
    engine.apply(wanted)
    resident = load_engine(list(engine.checkpoints.values()), seed=3)
    resident.apply(wanted)
    live = resident.model.state_dict()
    assert all(torch.equal(t, live[n]) for n, t in engine.model.state_dict().items())


def test_a_file_written_to_during_a_search_is_refused(family: Path) -> None:
    engine = disk_engine(family)
    file = family / "red" / "model.safetensors"
    tensors = load_file(file)
    tensors["model.norm.weight"] += 1
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="changed while it was in use; start again"):
        engine.apply(recipe("ties", (0.5, 0.5), 0.5, 0.1))


@pytest.mark.parametrize("where", ["base", "red"])
def test_nan_is_refused_at_the_start_in_every_tier(family: Path, where: str) -> None:
    file = family / where / "model.safetensors"
    tensors = load_file(file)
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=rf"{where}: model\.norm\.weight holds NaN"):
        disk_engine(family)
    assert no_reader_is_left()


def test_a_failed_candidate_leaves_no_reader_and_the_next_is_sound(family: Path) -> None:
    engine = disk_engine(family)
    with pytest.raises(TrialError, match="NaN or infinite weights in "):
        engine.apply(recipe("task_arithmetic", (1e39, 1e39), 1.0, 1e39))
    assert no_reader_is_left()
    engine.apply(recipe("task_arithmetic", (0.0, 1.0), 1.0, 0.0))
    assert engine.holds("blue")


def test_streaming_takes_one_layer_of_memory_and_skips_what_stays(family: Path) -> None:
    engine = disk_engine(family)
    assert isinstance(engine.weights, DiskWeights)
    engine.apply(recipe("ties", (0.5, 0.5), 0.5, 0.1))
    asked: list[int] = []
    stream = engine.weights.stream
    engine.weights.stream = lambda steps: asked.append(len(steps)) or stream(steps)
    engine.apply(recipe("ties", (0.5, 0.5), 0.5, 0.2))
    assert asked == [1]  # the head
    resident = load_engine(list(engine.checkpoints.values()))
    assert 0 < engine.weights.bytes < resident.weights.bytes  # between two candidates too
