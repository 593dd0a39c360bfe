"""A resident model on several devices: each tensor is merged where its parameter lies.

"cpu:0" and "cpu:1" stand in for two devices: the same memory under two names, each with arenas,
weights and kernels of its own, so that what is asked of which device can be told.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from together_cases import METHODS, Many, differences, engine_on, recipe
from transformers import LlamaConfig, LlamaForCausalLM

from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.errors import CheckpointError
from optimerge.merge import spread
from optimerge.merge.device_map import Unit, share_out, units_of
from optimerge.merge.dispatch import check_map, dispatch
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.homes import device_at
from optimerge.merge.kernels.choose import kernels_for
from optimerge.merge.kernels.reference import TorchKernels
from optimerge.merge.resident import load_model, outline
from optimerge.merge.rounding import Rounding
from optimerge.merge.spread import SpreadWeights
from optimerge.merge.store import Store
from optimerge.merge.tensor import Mode
from optimerge.merge.tiers import Tier, staged
from optimerge.merge.weights import Weights
from optimerge.recipe.read import parse_recipe

ONE, TWO = "cpu:0", "cpu:1"
MAP = {"": ONE, "model.layers.1": TWO, "model.layers.3": TWO, "model.norm": TWO}
"""Layers take turns: streams of both devices are asked by turns too."""
GOLDEN = Path(__file__).parents[1] / "data" / "golden_lora"
TIERS: tuple[Tier, ...] = ("device", "disk")


@pytest.fixture(scope="module")
def models(made_family: Path) -> list[Checkpoint]:
    return [open_checkpoint(name, made_family) for name in ("base", "red", "blue")]


def two(models: list[Checkpoint], **options: Any) -> Engine:
    return load_engine(models, seed=3, device_map=MAP, **options)


def alike(one: Engine, other: Engine, *wanted: Any) -> bool:
    for each in wanted:
        found = [engine.apply(each) for engine in (one, other)]
        counts = {(s.parameters, s.nonzero, s.l1, s.l2) for s in found}
        if len(counts) != 1 or differences(one, other):
            return False
    return True


@pytest.mark.parametrize("memory", TIERS)
@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_two_devices_give_the_bytes_of_one(
    models: list[Checkpoint], memory: Tier, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimerge.merge.placer.moved", None)  # nothing goes over
    one, other = load_engine(models, seed=3, mode=mode), two(models, mode=mode, memory=memory)
    assert isinstance(other.weights, Weights if memory == "device" else SpreadWeights)
    for method in METHODS if mode == "fast" else ("linear", "della"):
        wanted = [recipe(method, red=red) for red in (0.7, {"mlp": -0.2})]
        assert alike(one, other, *wanted), method
    assert other.holds("red") == one.holds("red") is False


def test_copies_to_two_devices_give_the_bytes_of_one(
    models: list[Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What CUDA devices do with models in main memory, with plain copies in place of streams."""
    plain = spread.open_weights

    def copying(some: list[Checkpoint], device: str, tier: Tier, rounding: Any) -> Store:
        return staged(plain(some, "cpu", "disk"), some, device)

    monkeypatch.setattr(spread, "open_weights", copying)
    other = two(models)
    assert isinstance(other.weights, SpreadWeights)
    assert alike(load_engine(models, seed=3), other, recipe("ties"), recipe("dare_ties", red=0.2))


def test_each_tensor_is_loaded_for_the_device_of_its_parameter_and_merged_there(
    made_family: Path, models: list[Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, set[str]] = {}
    plain = spread.open_weights

    def noting(some: list[Checkpoint], device: str, *more: Any) -> Store:
        asked[device] = {name for c in some for name in c.merged}
        return plain(some, device, *more)

    monkeypatch.setattr(spread, "open_weights", noting)
    many = {ONE: Many(), TWO: Many()}
    with monkeypatch.context() as patch:
        patch.setattr("optimerge.merge.engine.kernels_for", many.__getitem__)
        engine = two(models)
    there = {n for n in models[0].merged if "layers.1." in n or "layers.3." in n}
    there |= {"model.norm.weight"}
    assert asked == {ONE: set(models[0].merged) - there, TWO: there}
    engine.apply(recipe("ties"))
    names = {target.parts[0].view.data_ptr(): name for name, target in engine._targets.items()}
    for device, kernels in many.items():
        [jobs] = kernels.merges  # one call a device
        assert {names[job.out.data_ptr()] for job in jobs} == asked[device]
    one = engine_on(TorchKernels(), made_family, [c.reference for c in models])
    assert alike(one, engine, recipe("della", red=0.4))


def test_int8_task_vectors_are_kept_on_the_device_too(models: list[Checkpoint]) -> None:
    rounding = Rounding(models[0], frozenset({"base"}))
    one = load_engine(models, seed=3, rounding=rounding)
    other = two(models, rounding=rounding)
    wanted = recipe("ties", "optimerge: {task_vectors: int8, seed: 3}\n")
    assert alike(one, other, wanted, recipe("linear"))


@pytest.mark.parametrize("memory", TIERS)
def test_layers_that_change_places_come_from_the_other_device(
    models: list[Checkpoint], memory: Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "merge_method: linear\ndtype: float32\nslices:\n"
        "- sources: [{model: red, layer_range: [2, 4], parameters: {weight: 0.7}},"
        " {model: blue, layer_range: [0, 2], parameters: {weight: 0.4}}]\n"
        "- sources: [{model: base, layer_range: [0, 3], parameters: {weight: 1.0}},"
        " {model: red, layer_range: [1, 4], parameters: {weight: 0.1}}]\n"
    )
    went: list[tuple[int, str]] = []

    def noting(weight: Any, device: str) -> Any:
        went.append((weight.numel(), device))
        return weight.clone()

    monkeypatch.setattr("optimerge.merge.placer.moved", noting)
    one = load_engine(models, seed=3, layers=(4, 6))
    device_map = {**MAP, "model.layers.4": TWO}
    other = load_engine(models, seed=3, layers=(4, 6), memory=memory, device_map=device_map)
    assert alike(one, other, parse_recipe(text))
    assert len(other.model.model.layers) == 5
    # Layers 0 to 4 are on devices 0, 1, 0, 1 and 1, and made of these.
    sources = [(2, 0), (3, 1), (0, 1), (1, 2), (2, 3)]
    at = [ONE, TWO, ONE, TWO, TWO]
    moves = Counter(at[i] for i, both in enumerate(sources) for s in both if at[s] != at[i])
    assert Counter(device for _, device in went) == {d: 9 * n for d, n in moves.items()}


@pytest.mark.parametrize("memory", TIERS)
def test_adapters_are_added_where_their_tensor_is(
    memory: Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(GOLDEN)
    base = "models/qwen-bf16"
    names = [base, f"{base}+adapters/plain", "models/tuned-bf16"]
    opened = [open_checkpoint(name, GOLDEN) for name in names]
    wanted = parse_recipe(
        f"merge_method: ties\nbase_model: {base}\ndtype: float32\nout_dtype: bfloat16\nmodels:\n"
        + "".join(
            f"- {{model: {n}, parameters: {{weight: 0.6, density: 0.5}}}}\n" for n in names[1:]
        )
    )
    one = load_engine(opened, seed=3)
    other = load_engine(opened, seed=3, device_map={"": ONE, "model.layers.0": TWO}, memory=memory)
    assert alike(one, other, wanted)


def tied(folder: Path) -> Checkpoint:
    config = LlamaConfig(
        vocab_size=24, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return open_checkpoint(str(folder))


def test_ties_stay_ties_and_weights_stay_in_their_arenas(tmp_path: Path) -> None:
    checkpoint = tied(tmp_path)
    model, places = load_model(checkpoint), {}
    ids = torch.arange(12).view(2, 6)
    before = model(ids).logits
    from optimerge.merge import dispatch as module

    plain = module.into_arenas

    def noting(given: Any, place: Callable[[str], str]) -> None:
        plain(given, place)
        places.update({n: p.data_ptr() for n, p in given.named_parameters()})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "into_arenas", noting)
        dispatch(model, {"": ONE, "model.layers.1": TWO})
    assert {n: p.data_ptr() for n, p in model.named_parameters()} == places
    assert model.lm_head.weight is model.model.embed_tokens.weight
    hooked = {n for n, m in model.named_modules() if hasattr(m, "_hf_hook")}
    assert {"", "model.layers.1", "model.layers.1.mlp.up_proj", "lm_head"} <= hooked
    assert torch.equal(model(ids).logits, before)


def test_accelerate_is_told_of_parts_that_do_not_lie_in_each_other(tmp_path: Path) -> None:
    """It would move all of an outer one first: out of the arena, twice in memory."""
    model, told = load_model(tied(tmp_path)), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("accelerate.dispatch_model", lambda _, found, **more: told.update(found))
        dispatch(model, {"": ONE, "model": ONE, "model.layers.1": TWO})
    assert told.keys() == {
        *("model.embed_tokens", "model.layers.0", "model.layers.1", "model.norm"),
        *("model.rotary_emb", "lm_head"),
    }


def test_what_is_written_is_what_is_computed_with(models: list[Checkpoint]) -> None:
    """Through accelerate's hooks, and with a cache of keys and values."""
    one, other = load_engine(models, seed=3), two(models)
    ids = torch.arange(3, 15).view(2, 6)
    for each in (one, other):
        each.apply(recipe("dare_ties", red=0.9))
    logits, theirs = (e.model(ids).logits for e in (one, other))
    assert torch.equal(logits, theirs)
    texts = [e.model.generate(ids, max_new_tokens=8, do_sample=False) for e in (one, other)]
    assert torch.equal(*texts)


@pytest.mark.parametrize(
    ("device_map", "words"),
    [
        ({"model": "cuda:0", "lm_head": "disk"}, r"lm_head\.weight is on 'disk'.*--memory disk"),
        ({"model": "cuda:0", "lm_head": "cpu"}, r"lm_head\.weight is on 'cpu', so a merge could"),
        ({"": "meta"}, r"model\.embed_tokens\.weight is on 'meta'"),
        ({"model": "cuda:0"}, r"lm_head\.weight has no device; add it, or give auto"),
        ({"": "cpu", "model.layer.0": "cpu"}, r"'model\.layer\.0' is no part of a LlamaFor"),
        (
            {"": "cuda:0", "model.layers.2.mlp": "cuda:1"},
            r"model\.layers\.2 is on cuda:0 and cuda:1, and .* LlamaDecoderLayer on one device",
        ),
    ],
)
def test_maps_that_cannot_be_are_refused(
    models: list[Checkpoint], device_map: dict[str, str], words: str
) -> None:
    with pytest.raises(CheckpointError, match=words):
        check_map(outline(models[0]), device_map)


def test_tied_weights_on_two_devices_are_refused(tmp_path: Path) -> None:
    made = outline(tied(tmp_path))
    words = r"embed_tokens\.weight and lm_head\.weight are one tensor, .* cuda:0 and cuda:1"
    with pytest.raises(CheckpointError, match=words):
        check_map(made, {"": "cuda:0", "lm_head": "cuda:1"})


def test_a_model_that_accelerate_offloaded_is_refused(
    models: list[Checkpoint], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from accelerate import disk_offload

    def offloaded(model: Any, device: str) -> None:
        disk_offload(model.model.layers[2], tmp_path)

    monkeypatch.setattr("optimerge.merge.engine.into_arena", offloaded)
    words = r"model\.layers\.2\.self_attn\.q_proj\.weight is offloaded .*--device-map auto"
    with pytest.raises(CheckpointError, match=words):
        load_engine(models)


def test_a_model_cut_over_processes_is_refused(
    models: list[Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch import distributed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        mesh = init_device_mesh("cpu", (1,))

        def cut(model: Any, device: str) -> None:
            head = distribute_tensor(model.lm_head.weight.data, mesh, [Shard(0)])
            model.lm_head.weight = torch.nn.Parameter(head, requires_grad=False)

        monkeypatch.setattr("optimerge.merge.engine.into_arena", cut)
        with pytest.raises(CheckpointError, match=r"lm_head\.weight is cut over .*tensor parallel"):
            load_engine(models)
    finally:
        distributed.destroy_process_group()


def test_a_model_is_cut_between_its_layers(models: list[Checkpoint]) -> None:
    made = outline(models[0])
    units = units_of(made, {name: 1 for name, _ in made.named_parameters()})
    layers = [f"model.layers.{i}" for i in range(4)]
    names = ["model.embed_tokens", *layers, "model.norm", "model.rotary_emb", "lm_head"]
    assert [unit.name for unit in units] == names
    assert [unit.load for unit in units] == [1, 9, 9, 9, 9, 1, 0, 1]
    found = share_out(units, {ONE: 100, TWO: 100}, "auto")
    check_map(made, found)
    assert [found[name] for name in layers] == [ONE, ONE, TWO, TWO]
    assert found["model.rotary_emb"] == ONE


def test_a_head_goes_where_its_embedding_is(tmp_path: Path) -> None:
    made = outline(tied(tmp_path))
    units = units_of(made, {name: 1 for name, _ in made.named_parameters()})
    assert units[-1] == Unit("lm_head", 0, "model.embed_tokens")
    found = share_out(units, {ONE: 30, TWO: 30}, "balanced")
    assert found["lm_head"] == found["model.embed_tokens"] != found["model.norm"]


def fullest(found: dict[str, str], units: list[Unit], room: dict[str, int]) -> float:
    taken = {device: sum(u.load for u in units if found[u.name] == device) for device in room}
    return max(taken[device] / room[device] for device in room)


def cuts(units: list[Unit], room: dict[str, int]) -> Iterator[dict[str, str]]:
    first, second = room
    for cut in range(len(units) + 1):
        yield {u.name: first if i < cut else second for i, u in enumerate(units)}


@pytest.mark.parametrize("second", [40, 80, 200])
def test_no_other_cut_is_more_even(second: int) -> None:
    units = [Unit(str(i), load) for i, load in enumerate((30, 7, 7, 8, 7, 7, 9, 30))]
    room = {ONE: 80, TWO: second}
    best = min(fullest(found, units, room) for found in cuts(units, room))
    assert fullest(share_out(units, room, "auto"), units, room) == pytest.approx(best)


def test_devices_in_sequence_are_filled_one_after_the_other() -> None:
    units = [Unit(str(i), 10) for i in range(6)]
    found = share_out(units, {"a": 45, "b": 15, "c": 100}, "sequential")
    assert "".join(found.values()) == "aaaabc"


def test_a_name_is_no_part_of_one_that_begins_alike() -> None:
    assert device_at({"model.layers.1": ONE}, "model.layers.10.mlp.weight") is None
    assert device_at({"a": ONE, "a.b": TWO}, "a.b") == TWO


def test_kernels_are_of_each_device() -> None:
    assert kernels_for(ONE) is not kernels_for(TWO)
