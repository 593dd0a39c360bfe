"""Any shape, method and number: what is scored in place is what is built, or both refuse."""

import tempfile
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tiny_models import draw

from optimerge.checkpoint.digest import checkpoint_digest
from optimerge.checkpoint.folder import Checkpoint, open_checkpoint
from optimerge.checkpoint.statistics import Measurement, write_statistics
from optimerge.cli.main import run
from optimerge.errors import CheckpointError, MethodError, OptimergeError, RecipeError, TrialError
from optimerge.export.build import build
from optimerge.merge.engine import Engine, load_engine
from optimerge.merge.plan import make_plan
from optimerge.merge.statistics import Statistics, open_statistics
from optimerge.methods.protocol import StatisticKind
from optimerge.methods.registry import all_methods
from optimerge.recipe.read import parse_recipe, read_recipe

SHAPES = ((1, 1, 1, 2), (3, 1, 5, 2), (5, 7, 3, 4), (8, 13, 11, 2))
"""(hidden, intermediate, vocabulary, head): odd ones, and tensors of one element."""
WEIGHTS = (-1.5, -0.4, 0.0, 1e-7, 0.7, 2.0)
DENSITIES = (0.0, 1e-7, 0.3, 0.5, 0.99, 1.0)
Odd = Callable[[int], Path]


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Odd:
    """Return a function: index of a shape -> folder with base, red, blue and twin (= base)."""
    made: dict[int, Path] = {}

    def get(index: int) -> Path:
        if index not in made:
            made[index] = save_odd(tmp_path_factory.mktemp("odd"), *SHAPES[index])
        return made[index]

    return get


def save_odd(folder: Path, hidden: int, inner: int, vocabulary: int, head: int) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=inner,
        head_dim=head,
        num_hidden_layers=2,
        num_attention_heads=1,
        num_key_value_heads=1,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    model = LlamaForCausalLM(config)
    draw(model, 1)
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for seed, name in enumerate(("base", "red", "blue", "twin")):
        if name in ("red", "blue"):
            draw(model, seed + 5, start)
            with torch.no_grad():  # a zero delta, whole and in half of the entries
                model.model.norm.weight.copy_(start["model.norm.weight"])
                table = model.model.embed_tokens.weight
                table.view(-1)[::2] = start["model.embed_tokens.weight"].view(-1)[::2]
        else:
            model.load_state_dict(start)
        model.save_pretrained(folder / name)
        save_statistics(folder, name, seed)
    return folder


def save_statistics(folder: Path, name: str, seed: int) -> None:
    """Write random statistics: Fisher with zeros, Gram matrices of few rows for half of the layers."""
    checkpoint, stream = open_checkpoint(name, folder), torch.Generator().manual_seed(seed)
    tensors: dict[StatisticKind, dict[str, torch.Tensor]] = {"fisher": {}, "gram": {}}
    for key, info in checkpoint.merged.items():
        drawn = torch.randn(info.shape, generator=stream)
        tensors["fisher"][key] = drawn.square() * (drawn > -0.5)
        if len(info.shape) == 2 and "mlp" in key:
            rows = torch.randn(3, info.shape[1], generator=stream)
            tensors["gram"][key] = rows.T @ rows
    for kind, found in tensors.items():
        about = Measurement(kind, name, checkpoint_digest(checkpoint), "random", 3, "", 3, 0, 9, "")
        shapes = {key: tuple(tensor.shape) for key, tensor in found.items()}
        write_statistics(folder / "measured" / name, about, shapes, found.__getitem__)


def statistics_of(folder: Path, models: list[Checkpoint]) -> Statistics:
    """Open what `save_statistics` wrote, for all methods."""
    by_name = {model.reference: model for model in models}
    recipes = [parse_recipe(recipe_text(m, (1, 1, 1), ())) for m in ("fisher", "regmean")]
    plans = [make_plan(recipe, by_name) for recipe in recipes]
    found = open_statistics(recipes[0], plans, by_name, folder, aligned=False, keep=True)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def resident(odd: Odd) -> Callable[[int, str], Engine]:
    """Return a function that gives one engine a shape and mode, reused as in a search."""
    made: dict[tuple[int, str], Engine] = {}

    def get(index: int, mode: Any) -> Engine:
        if (index, mode) not in made:
            models = [open_checkpoint(n, odd(index)) for n in ("base", "red", "blue", "twin")]
            measured = statistics_of(odd(index), models)
            made[index, mode] = load_engine(models, mode=mode, seed=7, statistics=measured)
        return made[index, mode]

    return get


def recipe_text(method: str, weights: tuple[float, ...], densities: tuple[float, ...]) -> str:
    """Return a recipe with every parameter that the method has, experts as many as it takes."""
    found = all_methods()[method]
    experts = ("red", "blue", "twin")
    based = found.base != "ignored"
    most = len(experts) if found.most_inputs is None else found.most_inputs
    lines = [f"merge_method: {method}", "dtype: float32", "out_dtype: float32"]
    lines += ["base_model: base"] if based else []
    lines.append("models:")
    for name, weight, density in zip_longest(experts[:most], weights[:most], densities[:most]):
        least = p.low if (p := found.parameter("weight")) else 0
        values = {"weight": weight if weight >= least else -weight, "density": density}
        kept = {k: v for k, v in values.items() if (p := found.parameter(k)) and p.per_input}
        lines.append(f"- {{model: {name}, parameters: {kept}}}")
    if found.parameter("t"):
        lines.append("parameters: {t: 0.3}")
    if found.statistics:
        lines.append(f"optimerge: {{statistics: { ({n: f'measured/{n}' for n in experts}) }}}")
    return "\n".join(lines).replace("'", "") + "\n"


Outcome = dict[str, torch.Tensor] | str


def in_place(engine: Engine, text: str) -> Outcome:
    try:
        engine.apply(parse_recipe(text))
    except (RecipeError, MethodError) as error:
        return str(error)
    except TrialError:
        return "NaN or infinite"
    return {name: target.read().clone() for name, target in engine._targets.items()}


def as_built(folder: Path, text: str, mode: Any) -> Outcome:
    with tempfile.TemporaryDirectory() as place:
        file = folder / "recipe.yaml"
        file.write_text(text)
        try:
            build(file, Path(place) / "out", seed=7, mode=mode)
        except (RecipeError, MethodError) as error:
            return str(error)
        except CheckpointError as error:
            if "the merge gives NaN or infinite weights in" not in str(error):
                raise
            return "NaN or infinite"
        return load_file(Path(place) / "out" / "model.safetensors")


METHODS = [name for name, method in all_methods().items() if method.least_inputs < 4]
drawn = given(
    index=st.sampled_from(range(len(SHAPES))),
    weights=st.tuples(*[st.sampled_from(WEIGHTS)] * 3),
    densities=st.tuples(*[st.sampled_from(DENSITIES)] * 3),
    mode=st.sampled_from(["fast", "exact"]),
)
few, more = (
    settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    for examples in (3, 6)
)


@pytest.mark.parametrize("method", METHODS)
@few
@drawn
def test_in_place_and_built_are_one_at_every_shape_and_number(
    odd: Odd,
    resident: Callable[[int, str], Engine],
    method: str,
    index: int,
    weights: tuple[float, ...],
    densities: tuple[float, ...],
    mode: str,
) -> None:
    compare(odd, resident, method, index, weights, densities, mode)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@more
@drawn
def test_and_at_more_of_them(
    odd: Odd,
    resident: Callable[[int, str], Engine],
    method: str,
    index: int,
    weights: tuple[float, ...],
    densities: tuple[float, ...],
    mode: str,
) -> None:
    compare(odd, resident, method, index, weights, densities, mode)


def compare(
    odd: Odd,
    resident: Callable[[int, str], Engine],
    method: str,
    index: int,
    weights: tuple[float, ...],
    densities: tuple[float, ...],
    mode: str,
) -> None:
    text = recipe_text(method, weights, densities)
    live = in_place(resident(index, mode), text)
    made = as_built(odd(index), text, mode)
    if isinstance(live, str) or isinstance(made, str):
        assert live == made
        return
    assert live.keys() == made.keys()
    for name, tensor in live.items():
        assert bool(tensor.isfinite().all())
        assert torch.equal(tensor, made[name]), name


ADDED = ("task_arithmetic", "ties", "dare_linear", "dare_ties", "breadcrumbs", "breadcrumbs_ties")


@pytest.mark.parametrize("index", range(len(SHAPES)))
@pytest.mark.parametrize("mode", ["fast", "exact"])
@pytest.mark.parametrize("method", ADDED)
@pytest.mark.parametrize(
    ("weights", "densities"),
    [((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)), ((0.7, -0.4, 2.0), (0.0, 0.0, 0.0))],
    ids=["weight 0", "density 0"],
)
def test_what_adds_nothing_gives_the_base(
    resident: Callable[[int, str], Engine],
    index: int,
    mode: str,
    method: str,
    weights: tuple[float, ...],
    densities: tuple[float, ...],
) -> None:
    if method == "task_arithmetic" and densities[0] == 0.0:
        return  # it has no density
    engine = resident(index, mode)
    text = recipe_text(method, weights, densities) + "parameters: {normalize: false}\n"
    stats = engine.apply(parse_recipe(text))
    assert stats.nonzero == 0
    assert engine.holds("base")


@pytest.mark.parametrize("index", range(len(SHAPES)))
@pytest.mark.parametrize("method", ADDED)
def test_an_expert_equal_to_the_base_changes_nothing(
    resident: Callable[[int, str], Engine], index: int, method: str
) -> None:
    engine = resident(index, "fast")
    text = (
        f"merge_method: {method}\nbase_model: base\ndtype: float32\n"
        "models: [{model: twin, parameters: {weight: 1.0, density: 0.3}}]\n"
    )
    text = text.replace(", density: 0.3", "") if method == "task_arithmetic" else text
    assert engine.apply(parse_recipe(text)).nonzero == 0
    assert engine.holds("base")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("where", ["base", "blue"])
def test_nan_and_infinity_in_a_model_are_refused_by_the_tensor_s_name(
    family: Path, capsys: pytest.CaptureFixture[str], bad: float, where: str
) -> None:
    name = "model.layers.2.mlp.up_proj.weight"
    tensors = load_file(family / where / "model.safetensors")
    tensors[name][1, 2] = bad
    save_file(tensors, family / where / "model.safetensors", metadata={"format": "pt"})
    file = family / "recipe.yaml"
    file.write_text(
        "merge_method: task_arithmetic\nbase_model: base\ndtype: float32\n"
        "models: [{model: red, parameters: {weight: 0.5}},"
        " {model: blue, parameters: {weight: 0.5}}]\n"
    )
    said = f"{where}: {name} holds NaN or infinite weights"
    models = [open_checkpoint(n, family) for n in ("base", "red", "blue")]
    with pytest.raises(OptimergeError, match=said):
        load_engine(models)
    assert run(["build", str(file), str(family / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "--allow-nan" in error
    assert not (family / "out").exists()
    assert run(["build", str(file), str(family / "out"), "--allow-nan"]) == 0
    written = load_file(family / "out" / "model.safetensors")
    assert not bool(written[name][1, 2].isfinite())
    assert bool(written[name][0].isfinite().all())
    assert read_recipe(file).merge_method == "task_arithmetic"
