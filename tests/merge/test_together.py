"""A candidate in one call of the back end: what is in it, what is not, and after a failure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from together_cases import METHODS, STEPS, Many, differences, engine_on, recipe, text_of

from optimerge.errors import TrialError
from optimerge.merge.change import Change
from optimerge.merge.engine import Engine
from optimerge.merge.kernels.many import Job
from optimerge.merge.kernels.reference import TorchKernels
from optimerge.merge.placer import Dtypes
from optimerge.merge.plan import TensorPlan
from optimerge.merge.target import Part, Target
from optimerge.merge.together import Ready, Together
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe
from optimerge.records.types import MergeStats

MODELS = ("base", "red", "blue")
GOLDEN = Path(__file__).parents[1] / "data" / "golden_lora"
UP = "model.layers.1.mlp.up_proj.weight"


def counts(stats: MergeStats) -> tuple[float, ...]:
    return stats.parameters, stats.nonzero, stats.l1, stats.l2


def alike(one: Engine, other: Engine, wanted: Recipe) -> bool:
    """Whether two engines make the same of a recipe."""
    return counts(one.apply(wanted)) == counts(other.apply(wanted)) and not differences(one, other)


def written(jobs: Sequence[Job], engine: Engine) -> set[str]:
    """Return the tensors that jobs write."""
    names = {target.parts[0].view.data_ptr(): name for name, target in engine._targets.items()}
    return {names[job.out.data_ptr()] for job in jobs}


@pytest.mark.parametrize(
    ("method", "steps"),
    [
        *((method, False) for method in METHODS),
        *(
            pytest.param(
                method, True, marks=() if method in ("ties", "della") else pytest.mark.slow
            )
            for method in METHODS[1:]
        ),
    ],
)
def test_a_candidate_is_one_call_and_as_tensor_by_tensor(
    made_family: Path, method: str, steps: bool
) -> None:
    many = Many()
    one = engine_on(TorchKernels(), made_family, MODELS, steps=steps)
    all_at_once = engine_on(many, made_family, MODELS, steps=steps)
    for red in (0.7, {"mlp": -0.2}, {"mlp": 0.3}):
        many.merges.clear()
        many.norms_of.clear()
        assert alike(one, all_at_once, recipe(method, STEPS if steps else "", red))
        assert len(many.merges) == 1
        assert len(many.norms_of) <= 1
        assert many.norms_of or method != "della"
    names = set(all_at_once._targets)
    assert written(many.merges[0], all_at_once) == {name for name in names if "mlp" in name}


def test_what_is_read_whole_from_files_is_not_held_for_the_call(made_family: Path) -> None:
    many = Many()
    one, other = (engine_on(k, made_family, MODELS, steps=True) for k in (TorchKernels(), many))
    assert alike(one, other, recipe("linear"))
    in_steps = {name for _, name in other.weights.steps}
    assert written(many.merges[0], other) == set(other._targets) - in_steps


def test_nothing_new_is_no_call(made_family: Path) -> None:
    many = Many()
    engine = engine_on(many, made_family, MODELS)
    engine.apply(recipe("della"))
    engine.apply(recipe("della"))
    assert len(many.merges) == 1


@pytest.mark.parametrize("bad", ["up_proj", "lm_head"])
def test_what_is_no_number_is_said_of_the_first_tensor_and_the_next_candidate_is_sound(
    made_family: Path, bad: str
) -> None:
    good, other = recipe("ties"), recipe("ties", red=0.1)
    wrong = recipe("ties", red={bad: 1e39}, blue={bad: 1e39})
    engine, fresh = (engine_on(k, made_family, MODELS) for k in (Many(), TorchKernels()))
    engine.apply(good)
    first = "lm_head.weight" if bad == "lm_head" else "model.layers.0.mlp.up_proj.weight"
    for _ in range(2):  # and again: none of it is thought to be written
        with pytest.raises(TrialError, match=f"NaN or infinite weights in {first}"):
            engine.apply(wrong)
    assert alike(engine, fresh, good)
    assert alike(engine, fresh, other)


def test_after_a_back_end_that_broke_nothing_is_thought_to_be_written(
    made_family: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = Many()
    engine, fresh = engine_on(many, made_family, MODELS), engine_on(Many(), made_family, MODELS)
    engine.apply(recipe("ties"))

    def breaks(jobs: Iterable[Job]) -> list[Change | None]:
        for job in islice(jobs, 7):
            job.out.fill_(7.0)
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(many, "merge_many", breaks)
        with pytest.raises(RuntimeError, match="out of memory"):
            engine.apply(recipe("ties", red=0.2))
    assert alike(engine, fresh, recipe("ties"))


@pytest.mark.parametrize("options", [{"memory": "disk"}, {"mode": "exact"}])
def test_streamed_weights_and_exact_merges_go_one_by_one(
    made_family: Path, options: dict[str, str]
) -> None:
    many = Many()
    one = engine_on(TorchKernels(), made_family, MODELS, **options)
    assert alike(one, engine_on(many, made_family, MODELS, **options), recipe("della"))
    assert many.merges == []


@pytest.mark.parametrize(
    "wanted",
    [
        parse_recipe("merge_method: passthrough\nmodels: [{model: red}]\n"),
        recipe("ties").model_copy(update={"dtype": "bfloat16"}),
        recipe("ties", out="bfloat16"),
    ],
    ids=["no form", "another dtype", "not the model's dtype"],
)
def test_what_is_not_written_straight_goes_one_by_one(made_family: Path, wanted: Recipe) -> None:
    many = Many()
    one = engine_on(TorchKernels(), made_family, MODELS)
    assert alike(one, engine_on(many, made_family, MODELS), wanted)
    assert many.merges == []


def test_tensors_with_an_adapter_s_part_are_not_held_for_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(GOLDEN)
    base = "models/qwen-bf16"
    names = [base, f"{base}+adapters/plain", "models/tuned-bf16"]
    text = "".join(
        f"- {{model: {n}, parameters: {{weight: 0.4, density: 0.5}}}}\n" for n in names[1:]
    )
    top = f"merge_method: dare_ties\nbase_model: {base}\ndtype: float32\nout_dtype: bfloat16\n"
    wanted = parse_recipe(f"{top}models:\n{text}")
    many = Many()
    one, other = (engine_on(k, GOLDEN, names) for k in (TorchKernels(), many))
    assert alike(one, other, wanted)
    adapted = {name for model, name in other.weights.factors if model == names[1]}
    assert adapted
    assert written(many.merges[0], other) == set(other._targets) - adapted


def test_layer_maps_go_in_one_call_too(tiny: Callable[..., Path]) -> None:
    many, folder = Many(), tiny("llama")
    one, other = (engine_on(k, folder, MODELS, layers=(1, 5)) for k in (TorchKernels(), many))
    for layers in ("[0, 3]", "[1, 3]"):
        sources = "".join(
            f"  - {{model: {m}, layer_range: {layers}, parameters: {{weight: 0.5}}}}\n"
            for m in MODELS[1:]
        )
        text = f"merge_method: task_arithmetic\nbase_model: base\ndtype: float32\nslices:\n- sources:\n{sources}"
        wanted = parse_recipe(text)
        assert alike(one, other, wanted)
    assert len(many.merges) == 2


def move(engine: Engine, name: str) -> torch.Tensor:
    """Let the model hold a tensor elsewhere."""
    view = engine._targets[name].parts[0].view
    place = torch.full_like(view, 7.0)
    engine._targets[name] = Target((Part(place),), engine._targets[name].owners)
    return place


def test_a_target_that_moved_is_written_where_it_is(made_family: Path) -> None:
    engine, fresh = (engine_on(Many(), made_family, MODELS) for _ in "ab")
    engine.apply(recipe("ties"))
    place = move(engine, UP)
    for each in (engine, fresh):
        each.apply(recipe("ties", red=0.2))
    assert torch.equal(place, fresh.model.get_parameter(UP))


# Faults planted in the way, each seen by what the tests above compare.


def mixed_up(patch: pytest.MonkeyPatch) -> None:
    made = Together._jobs

    def wrong(self: Together, *args: Any) -> Iterator[Job]:
        jobs = list(made(self, *args))
        pairs = zip(jobs, jobs[:1] + jobs[:-1], strict=True)
        return (Job(other.program, job.base, job.sources, job.out) for job, other in pairs)

    patch.setattr(Together, "_jobs", wrong)


def changes_of_others(patch: pytest.MonkeyPatch) -> None:
    made = Many.merge_many
    patch.setattr(Many, "merge_many", lambda self, jobs: [*made(self, jobs)[1:], None])


def norms_of_others(patch: pytest.MonkeyPatch) -> None:
    made = Many.norms_many
    patch.setattr(Many, "norms_many", lambda self, sums: made(self, sums)[::-1])


def last_candidate_s_sources(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Together, "_of", lambda *_: None)


def stale_targets(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Together, tensor: TensorPlan, dtypes: Dtypes) -> Ready | None:
        known = self._last.get(tensor.name)
        return known if known and known.of == self._of(tensor, dtypes) else None

    patch.setattr(Together, "_remembered", wrong)


@pytest.mark.parametrize(
    "fault",
    [
        mixed_up,
        changes_of_others,
        norms_of_others,
        last_candidate_s_sources,
        stale_targets,
        None,
    ],
)
def test_planted_faults_are_seen(
    made_family: Path, fault: Callable[[pytest.MonkeyPatch], None] | None
) -> None:
    one, other = (engine_on(k, made_family, MODELS) for k in (TorchKernels(), Many()))
    text = text_of("ties").replace("red", "other").replace("blue", "red").replace("other", "blue")
    swapped = parse_recipe(text)
    with pytest.MonkeyPatch.context() as patch:
        if fault:
            fault(patch)
        first = (recipe("della"), recipe("ties"), swapped)
        same = all(alike(one, other, wanted) for wanted in first)
        place = move(other, UP)
        for each in (one, other):
            each.apply(parse_recipe(text.replace("0.4", "0.1")))
        same = same and torch.equal(place, one.model.get_parameter(UP))
    assert same == (fault is None)
