"""A search over layer maps: parents of any depth, refusals, memory, statistics, rebuilding."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from scored_whole import score_all
from transformers import AutoModelForCausalLM

from optimerge.cli.main import run
from optimerge.cli.show import describe
from optimerge.errors import CheckpointError, OptimergeError, RecipeError
from optimerge.export.build import build
from optimerge.export.recipe import export_text
from optimerge.merge.arena import padded
from optimerge.objectives.protocol import Candidate
from optimerge.recipe.read import parse_recipe
from optimerge.records.types import MergeStats, Trial
from optimerge.search.models import open_models
from optimerge.search.session import Session
from optimerge.search.tiers import needed
from optimerge.space.read import read_space

SLICES = """\
merge_method: passthrough
slices:
- sources: [{model: red, layer_range: [0, {low: 1, high: 3}]}]
- sources: [{model: {choices: [blue, red]}, layer_range: [{low: 0, high: 2}, {low: 1, high: 4}]}]
- use: {choices: [false, true]}
  sources: [{model: base, layer_range: [3, 4], parameters: {scale: {low: 0.5, high: 1.0}}}]
"""
MAP = "layer_map: {models: [red, blue], layers: 4, blocks: 2, repeats: 2}\n"
LINEAR = """\
merge_method: task_arithmetic
base_model: base
slices:
- layer_range: [0, {low: 2, high: 4}]
  sources:
  - {model: red, parameters: {weight: {low: 0.0, high: 1.0, layer_groups: 2}}}
  - {model: blue, parameters: {weight: {low: 0.0, high: 1.0}}}
  - {model: base}
- sources: [{model: red, layer_range: [{low: 1, high: 4}, 4], parameters: {weight: 0.5}}]
"""
REST = """\
objectives:
- {task: echo, search_items: 30, test_items: 10}
- {task: echo, metric: acc_norm, search_items: 30, test_items: 10, name: two}
include_path: tasks
search: {trials: 12}
"""


def spaced(family: Path, text: str) -> Path:
    task = family / "tasks/echo.yaml"
    if "acc_norm" not in task.read_text():
        more = "  - {metric: acc_norm, aggregation: mean, higher_is_better: true}\nmetadata"
        task.write_text(task.read_text().replace("metadata", more))
    file = family / "space.yaml"
    file.write_text(text + REST)
    return file


def configured(family: Path, name: str, **settings: Any) -> None:
    file = family / name / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


def shallower(family: Path, name: str, layers: int) -> None:
    file = family / name / "model.safetensors"
    tensors = load_file(file)
    kept = {k: t for k, t in tensors.items() if not any(f".{n}." in k for n in range(layers, 4))}
    save_file(kept, file, metadata={"format": "pt"})
    configured(family, name, num_hidden_layers=layers)


def rebuilt(session: Session, trial: Trial, folder: Path) -> dict[str, float]:
    """Build a trial's exported recipe and score the new model as the search does."""
    file = folder / "recipe.yaml"
    file.write_text(export_text(session.run, trial, "test"))
    done = build(file, folder / "out")
    assert trial.stats is not None
    assert done.parameters == trial.stats.parameters
    model = AutoModelForCausalLM.from_pretrained(folder / "out").eval()
    none = MergeStats(0.0, 0, 0, 0.0, 0.0)
    scores = score_all(session.evaluation.objectives, Candidate(model, none))
    return {name: score.value for name, score in scores.items()}


@pytest.mark.parametrize("text", [SLICES, MAP, LINEAR], ids=["slices", "map", "task_arithmetic"])
def test_what_is_scored_is_what_is_built(
    family: Path, tmp_path: Path, text: str, opened: Callable[..., Session], searched: Any
) -> None:
    spaced(family, text)
    session = opened(family, tmp_path / "run")
    trials = searched(session, 9)
    assert {t.state for t in trials} == {"complete"}
    names = ["base", "red", "blue"] if text == LINEAR else ["red", "blue", "base"]
    parents = names if "base" in text else ["red", "blue"]
    assert [t.name for t in trials if t.is_parent] == parents
    found = [t for t in trials if not t.is_parent]
    layers = {sum(s.sources[0].length for s in parse_recipe(t.recipe).slices or ()) for t in found}
    assert len(layers) > 1
    for number, trial in enumerate(found[:3]):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert rebuilt(session, trial, folder) == {n: s.value for n, s in trial.scores.items()}


def test_models_without_a_base_are_all_experts(
    family: Path, tmp_path: Path, opened: Callable[..., Session], searched: Any
) -> None:
    spaced(family, MAP)
    session = opened(family, tmp_path)
    trials = searched(session, 5)
    assert [t.origin for t in trials if t.is_parent] == ["expert:red", "expert:blue"]
    kept = [t.user_attrs["origin"] for t in session.run.search.get_trials(deepcopy=False)]
    # No point is blue: the first block is always red's.
    assert kept == ["expert:red", "sampler", "sampler", "sampler"]
    assert not any(t.origin.startswith("warm") for t in session.run.trials())


def test_parents_of_any_depth_are_scored_whole(
    family: Path, tmp_path: Path, opened: Callable[..., Session], searched: Any
) -> None:
    shallower(family, "blue", 3)
    spaced(family, SLICES.replace("{low: 1, high: 4}", "{low: 1, high: 3}"))
    session = opened(family, tmp_path / "run")
    assert session.models.layers == (1, 7)
    trials = {t.name: t for t in searched(session, 4) if t.is_parent}
    assert trials["blue"].stats is not None
    for name in ("red", "blue", "base"):
        model = AutoModelForCausalLM.from_pretrained(family / name).eval()
        scores = score_all(
            session.evaluation.objectives, Candidate(model, MergeStats(0.0, 0, 0, 0.0, 0.0))
        )
        assert {n: s.value for n, s in scores.items()} == {
            n: s.value for n, s in trials[name].scores.items()
        }
        assert trials[name].stats.parameters == sum(p.numel() for p in model.parameters())


def test_show_says_that_nothing_is_compared(
    family: Path, tmp_path: Path, opened: Callable[..., Session], searched: Any
) -> None:
    spaced(family, MAP)
    session = opened(family, tmp_path)
    trial = searched(session, 3)[-1]
    text = "\n".join(describe(trial))
    assert "layers have changed places, so they are not compared" in text
    assert "differs from the base" not in text
    assert session.run.trials()[-1].stats == trial.stats


def test_memory_counts_the_deepest_candidate(family: Path) -> None:
    flat = read_space(spaced(family, MAP.replace("repeats: 2", "repeats: 1")))
    shallow = needed(open_models(flat), flat)
    deep = read_space(spaced(family, MAP))
    models = open_models(deep)
    layer = sum(padded(i.bytes) for n, i in models.base.tensors.items() if ".0." in n)
    assert models.layers == (2, 16)
    assert needed(models, deep).resident - shallow.resident == 8 * layer


def test_check_tells_dimensions_layers_and_models(
    family: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(spaced(family, SLICES))]) == 0
    said = capsys.readouterr().out
    assert "models: red, blue, base (no base: config and tokenizer are those of red)" in said
    assert "  slice 2.model: {blue, red}\n" in said
    assert "  slice 1.red.end: [1, 3]\n" in said
    assert "layers: 1 to 8 in a candidate, 4 in red\n" in said


def test_check_tells_where_attention_depends_on_the_place(
    family: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = ["full_attention", "full_attention", "sliding_attention", "sliding_attention"]
    for name in ("base", "red", "blue"):
        configured(family, name, layer_types=kinds)
    assert run(["check", str(spaced(family, MAP))]) == 2
    assert "without a pattern, and the new model has 16 layers" in capsys.readouterr().err
    for name in ("base", "red", "blue"):
        configured(family, name, layer_types=kinds[1:3] * 2)
    assert "may attend otherwise" in open_models(read_space(spaced(family, MAP))).notes[0]


def sparsity(family: Path) -> None:
    (family / "space.yaml").write_text(MAP + "objectives: [{task: echo}, {sparsity: l1}]\n")


def tokenizer(family: Path) -> None:
    spaced(family, "tokenizer: {source: red}\n" + MAP)


def too_far(family: Path) -> None:
    spaced(family, SLICES.replace("{low: 1, high: 4}", "{low: 1, high: 5}"))


def other_depth(family: Path) -> None:
    spaced(family, MAP.replace("layers: 4", "layers: 3"))


def groups(family: Path) -> None:
    spaced(family, LINEAR.replace("layer_groups: 2", "layer_groups: 5"))


def no_slices(family: Path) -> None:
    spaced(family, "merge_method: linear\nmodels:\n- {model: red, parameters: {weight: 1}}\n")


def rope(family: Path) -> None:
    configured(family, "blue", rope_parameters={"rope_type": "default", "rope_theta": 5.0})
    spaced(family, MAP)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (sparsity, "layers that change places have none to be compared with"),
        (tokenizer, "cannot change the vocabulary"),
        (too_far, r"slices\[1\]: layer_range goes to 5, past the 4 layers of 'blue'"),
        (other_depth, "layer_map.layers is 3, and 'red' has 4 layers"),
        (groups, "5 layer groups for 4 layers"),
        (no_slices, "'base_model' is missing"),
        (rope, "another rope in their config.json"),
    ],
)
def test_what_cannot_be_searched_is_refused_at_check(
    family: Path, change: Callable[[Path], None], words: str
) -> None:
    change(family)
    with pytest.raises((RecipeError, CheckpointError), match=words) as caught:
        open_models(read_space(family / "space.yaml"))
    assert isinstance(caught.value, OptimergeError)
    assert "\n" not in str(caught.value)


def test_fixed_slices_in_their_places_are_compared_with_the_base_as_ever(
    family: Path, tmp_path: Path, opened: Callable[..., Session], searched: Any
) -> None:
    text = LINEAR.replace("[0, {low: 2, high: 4}]", "[0, 2]").replace("{low: 1, high: 4}", "2")
    spaced(family, text)
    session = opened(family, tmp_path)
    assert session.models.layers is None
    trial = next(t for t in searched(session, 5) if not t.is_parent)
    assert trial.stats is not None
    assert trial.stats.compared
    assert trial.stats.l1 > 0


def test_scores_of_a_point_do_not_depend_on_what_was_scored_before(
    family: Path, tmp_path: Path, opened: Callable[..., Session]
) -> None:
    session = opened_on(family, tmp_path, opened)
    point = {d.name: False for d in session.space.dimensions}
    deep = dict.fromkeys(point, True)
    values = []
    for wanted in (point, deep, point):
        session.engine.apply(session.recipe(wanted))
        ids = torch.tensor([[3, 4, 5]])
        with torch.no_grad():
            values.append(session.engine.model(input_ids=ids).logits)
    assert torch.equal(values[0], values[2])
    assert not torch.equal(values[0], values[1])


def opened_on(family: Path, folder: Path, opened: Callable[..., Session]) -> Session:
    spaced(family, MAP)
    return opened(family, folder)
