"""The resident model: what is written, what is skipped, what is counted."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.errors import CheckpointError, TrialError
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.tensor import Mode
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe


def engine_of(
    family: Path, mode: Mode = "fast", out_dtype: str | None = None, seed: int = 3
) -> Engine:
    models = [open_checkpoint(name, family) for name in ("base", "red", "blue")]
    return load_engine(models, mode=mode, seed=seed, out_dtype=out_dtype)


def recipe(method: str, red: float, blue: float, density: float | None = None) -> Recipe:
    extra = f", density: {density}" if density is not None else ""
    return parse_recipe(
        f"merge_method: {method}\nbase_model: base\ndtype: float32\nmodels:\n"
        f"- model: red\n  parameters: {{weight: {red}{extra}}}\n"
        f"- model: blue\n  parameters: {{weight: {blue}{extra}}}\n"
    )


def copied(engine: Engine) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in engine.model.state_dict().items()}


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[k], other[k]) for k in one)


def test_task_arithmetic_is_written_into_the_live_model(made_family: Path) -> None:
    engine = engine_of(made_family)
    engine.apply(recipe("task_arithmetic", 0.3, -0.2))
    base, red, blue = (
        load_file(made_family / n / "model.safetensors") for n in ("base", "red", "blue")
    )
    for name, tensor in engine.model.state_dict().items():
        wanted = base[name] + 0.3 * (red[name] - base[name]) - 0.2 * (blue[name] - base[name])
        torch.testing.assert_close(tensor, wanted, rtol=1e-5, atol=1e-6)


def test_the_outputs_of_the_live_model_follow_the_merge(made_family: Path) -> None:
    engine = engine_of(made_family)
    ids = torch.tensor([[3, 4, 5]])
    before = engine.model(ids).logits
    engine.apply(recipe("task_arithmetic", 1.0, 0.0))
    assert not torch.equal(engine.model(ids).logits, before)
    assert engine.holds("red")
    assert not engine.holds("blue")


def test_statistics_are_those_of_the_written_weights(made_family: Path) -> None:
    engine = engine_of(made_family)
    stats = engine.apply(recipe("dare_ties", 0.5, 0.5, density=0.3))
    base = load_file(made_family / "base" / "model.safetensors")
    live = engine.model.state_dict()
    deltas = torch.cat([(live[k].double() - base[k].double()).flatten() for k in base])
    assert stats.parameters == deltas.numel()
    assert stats.nonzero == int((deltas != 0).sum())
    assert stats.l1 == pytest.approx(float(deltas.abs().sum()), rel=1e-6)
    assert stats.l2 == pytest.approx(float(deltas.norm()), rel=1e-6)
    assert 0.3 < stats.nonzero_share < 0.6


@pytest.mark.parametrize("mode", ["fast", "exact"])
@pytest.mark.parametrize("method", ["dare_ties", "ties", "task_arithmetic"])
def test_a_candidate_does_not_depend_on_the_one_before(
    made_family: Path, mode: Mode, method: str
) -> None:
    engine = engine_of(made_family, mode)
    wanted = recipe(method, 0.5, 0.4, None if method == "task_arithmetic" else 0.5)
    first = engine.apply(wanted)
    alone = copied(engine)
    engine.apply(recipe("dare_linear", 0.9, 0.1, density=0.2))
    engine.apply(recipe("task_arithmetic", 0.5, 0.3))
    again = engine.apply(wanted)
    assert_same(copied(engine), alone)
    assert (again.nonzero, again.l1) == (first.nonzero, first.l1)
    repeated = engine.apply(wanted)
    assert_same(copied(engine), alone)
    assert repeated.nonzero == first.nonzero


def test_only_what_changed_is_written_again(made_family: Path) -> None:
    engine = engine_of(made_family)
    text = (
        "merge_method: task_arithmetic\nbase_model: base\ndtype: float32\nmodels:\n"
        "- {{model: red, parameters: {{weight: [{{filter: mlp, value: {}}}, {{value: 0.5}}]}}}}\n"
    )
    engine.apply(parse_recipe(text.format(0.1)))
    target = engine.model.get_parameter("model.layers.0.self_attn.q_proj.weight")
    target.fill_(7.0)  # a mark that a rewrite would wipe out
    engine.apply(parse_recipe(text.format(0.2)))
    assert bool((target == 7.0).all())
    engine.apply(parse_recipe(text.format(0.2).replace("value: 0.5", "value: 0.6")))
    assert not bool((target == 7.0).any())


def test_a_merge_that_overflows_is_a_failed_trial_and_the_next_one_is_sound(
    made_family: Path,
) -> None:
    engine = engine_of(made_family)
    with pytest.raises(TrialError, match="NaN or infinite weights in "):
        engine.apply(recipe("task_arithmetic", 1e39, 1e39))
    engine.apply(recipe("task_arithmetic", 0.0, 1.0))
    assert engine.holds("blue")


def test_bfloat16_models_are_rounded_once(made_family: Path) -> None:
    engine = engine_of(made_family, out_dtype="bfloat16")
    engine.apply(recipe("task_arithmetic", 0.3, 0.2))
    rounded = copied(engine)
    exact = engine_of(made_family)
    exact.apply(recipe("task_arithmetic", 0.3, 0.2))
    for name, tensor in copied(exact).items():
        assert torch.equal(rounded[name], tensor.bfloat16())


def test_a_candidate_is_rounded_to_the_recipe_s_dtype_even_in_a_wider_model(
    made_family: Path,
) -> None:
    """As a build would write it: some models keep some tensors in float32."""
    engine, rounded = engine_of(made_family), engine_of(made_family, out_dtype="bfloat16")
    wanted = recipe("task_arithmetic", 0.3, 0.2)
    engine.apply(wanted)
    rounded.apply(wanted)
    assert not torch.equal(*(e.model.lm_head.weight.float() for e in (engine, rounded)))
    engine.apply(wanted.model_copy(update={"out_dtype": "bfloat16"}))
    for name, tensor in copied(engine).items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, copied(rounded)[name].float())


def test_an_expert_with_nan_is_refused_by_the_tensor_s_name(family: Path) -> None:
    file = family / "red" / "model.safetensors"
    tensors = load_file(file)
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"red: model\.norm\.weight holds NaN"):
        engine_of(family)


def test_another_number_of_layers_cannot_be_built_in_place(made_family: Path) -> None:
    engine = engine_of(made_family)
    stacked = parse_recipe(
        "merge_method: passthrough\nslices:\n"
        "- sources: [{model: red, layer_range: [0, 3]}]\n"
        "- sources: [{model: red, layer_range: [1, 4]}]\n"
    )
    with pytest.raises(TrialError, match="6 layers"):
        engine.apply(stacked)


def test_equal_seeds_give_equal_masks_and_other_seeds_others(made_family: Path) -> None:
    wanted = recipe("dare_ties", 0.5, 0.5, density=0.5)
    first, second = engine_of(made_family), engine_of(made_family)
    other = engine_of(made_family, seed=4)
    for engine in (first, second, other):
        engine.apply(wanted)
    assert_same(copied(first), copied(second))
    name = "model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(copied(first)[name], copied(other)[name])
