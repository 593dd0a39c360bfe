"""A search with `task_vectors: int8`: candidates marked, parents whole, exports built as scored."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.cli.main import run
from optimerge.cli.souping import _as_run
from optimerge.errors import RecipeError, RunError
from optimerge.export.build import build
from optimerge.export.recipe import export_text
from optimerge.merge.arena import ALIGNED
from optimerge.merge.engine import load_engine
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.write import recipe_text, with_references
from optimerge.records.run import open_run
from optimerge.search.models import open_models
from optimerge.search.session import Session
from optimerge.search.soup import soup_recipe
from optimerge.search.tiers import needed
from optimerge.space.read import read_space

EMBEDDING = "model.embed_tokens.weight"
PROJECTION = "model.layers.0.self_attn.q_proj.weight"


def in_steps(family: Path, extra: str = "", **settings: Any) -> Path:
    file = family / "space.yaml"
    given = "".join(f", {k}: {v}" for k, v in settings.items())
    text = file.read_text().replace("seed: 0}", f"seed: 0, task_vectors: int8{given}}}")
    file.write_text(text + extra)
    return file


def rebuilt_is_live(session: Session, text: str, folder: Path) -> bool:
    """Whether a build of an export gives what the engine holds after applying it."""
    folder.mkdir()
    (folder / "r.yaml").write_text(text)
    build(folder / "r.yaml", folder / "out")
    names = {place: name for name, place in session.models.places.items()}
    session.engine.apply(with_references(parse_recipe(text), names))
    found = load_file(folder / "out" / "model.safetensors")
    live = session.engine.model.state_dict()
    assert found.keys() == live.keys()
    return all(torch.equal(found[name], live[name]) for name in found)


def test_candidates_are_exported_as_scored_and_parents_are_scored_whole(
    family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    in_steps(family)
    session = opened(family, tmp_path / "run")
    trials = searched(session, 6)
    assert [t.state for t in trials] == ["complete"] * 6
    for trial in trials:
        recipe = parse_recipe(trial.recipe)
        assert recipe.block.task_vectors == (None if trial.is_parent else "int8")
        assert rebuilt_is_live(
            session,
            export_text(session.run, trial, "test"),
            tmp_path / trial.name.replace(":", "-"),
        )
    red = tmp_path / "red"
    assert (red / "out").is_dir()
    own, copy = (load_file(f / "model.safetensors") for f in (family / "red", red / "out"))
    assert all(torch.equal(own[name], copy[name]) for name in own)


def test_parents_have_the_scores_of_a_search_with_full_weights(
    family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    plain = searched(opened(family, tmp_path / "plain"), 3)
    in_steps(family)
    found = searched(opened(family, tmp_path / "int8"), 4)
    for one, other in zip(plain, found, strict=False):
        values = [{n: s.value for n, s in t.scores.items()} for t in (one, other)]
        assert values[0] == values[1]
        assert one.recipe == other.recipe
    points = opened(family, tmp_path / "int8").run.search.get_trials(deepcopy=False)
    assert {t.user_attrs.get("origin") for t in points} >= {"base", "expert:red", "expert:blue"}


def test_the_export_says_what_is_recorded_and_how_to_build_full_weights(
    family: Path, tmp_path: Path, opened: Any, searched: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    in_steps(family)
    searched(opened(family, tmp_path / "run"), 5)
    assert run(["export", str(tmp_path / "run"), "--trial", "3"]) == 0
    text = (tmp_path / "run" / "recipe.yaml").read_text()
    comments = " ".join(line[2:] for line in text.splitlines() if line.startswith("#"))
    assert "Take that key out to build from the full weights" in comments
    assert "mergekit-yaml always takes the full weights" in comments
    assert "without that key `optimerge build` takes the full weights" in capsys.readouterr().err
    plain = parse_recipe(text.replace("  task_vectors: int8\n", ""))
    assert plain.block == parse_recipe(text).block.model_copy(update={"task_vectors": None})
    assert run(["export", str(tmp_path / "run"), "--trial", "red", "-o", "-"]) == 0
    assert "task_vectors" not in capsys.readouterr().out


def test_a_soup_is_scored_with_the_run_s_task_vectors(
    family: Path, tmp_path: Path, opened: Any
) -> None:
    space = read_space(in_steps(family))
    session = opened(family, tmp_path / "run")
    recipe = session.stored(soup_recipe(session, ["red", "blue"]))
    assert recipe.block.task_vectors == "int8"
    assert rebuilt_is_live(session, recipe_text(recipe), tmp_path / "soup")
    assert _as_run(space, tmp_path / "run", "").search.task_vectors == "int8"
    assert open_run(tmp_path / "run").info.task_vectors == "int8"


def test_a_run_is_not_gone_on_with_other_task_vectors(
    family: Path, tmp_path: Path, opened: Any
) -> None:
    opened(family, tmp_path / "run")
    in_steps(family)
    with pytest.raises(RunError, match=r"search\.task_vectors was not given and is \"int8\""):
        opened(family, tmp_path / "run")


def test_the_command_line_turns_it_on_and_exact_refuses_it(
    family: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(family / "space.yaml")
    assert run(["search", file, "--dry-run", "--task-vectors", "int8"]) == 0
    assert "task vectors: int8 for 60 of the experts' 78 tensors" in capsys.readouterr().out
    assert run(["search", file, "--dry-run"]) == 0
    assert "task vectors" not in capsys.readouterr().out
    assert run(["search", file, "--dry-run", "--task-vectors", "int8", "--exact"]) == 2
    assert "exact mode must not; leave one of the two out" in capsys.readouterr().err
    assert run(["search", str(in_steps(family)), "--dry-run", "--task-vectors", "full"]) == 0
    assert "task vectors" not in capsys.readouterr().out


def test_check_refuses_what_has_no_meaning(family: Path) -> None:
    text = in_steps(family).read_text()
    for old, new, words in (
        ("task_vectors: int8", "task_vectors: int8, exact: true", "exact mode must not"),
        ("merge_method", "dtype: null\nmerge_method", "say in which to merge"),
        ("task_vectors: int8", "task_vectors: int4", "task_vectors"),
    ):
        (family / "other.yaml").write_text(text.replace(old, new))
        with pytest.raises(RecipeError, match=words):
            open_models(read_space(family / "other.yaml"))


def test_memory_counts_the_bytes_that_are_held(family: Path) -> None:
    file = family / "space.yaml"
    whole = read_space(file)
    plain = open_models(whole)
    space = read_space(in_steps(family))
    models = open_models(space)
    engine = load_engine(models.checkpoints, rounding=models.rounding)
    full = load_engine(models.checkpoints)
    saved = needed(plain, whole).weights - needed(models, space).weights
    padding = ALIGNED * sum(len(c.merged) for c in models.checkpoints)
    assert full.weights.bytes > engine.weights.bytes
    assert abs(saved - (full.weights.bytes - engine.weights.bytes)) <= 2 * padding


def test_an_adapter_keeps_its_factors_and_what_it_changes(
    family: Path, tmp_path: Path, opened: Any, searched: Any
) -> None:
    """On the base, and on an expert that is in steps itself."""
    make_adapter(family / "one", "base", open_checkpoint("base", family).tensors)
    make_adapter(family / "two", "blue", open_checkpoint("blue", family).tensors)
    file = in_steps(family)
    text = file.read_text().replace("model: red", "model: base+one")
    weights = "{weight: {low: 0.0, high: 1.0}, density: 0.5}"
    text = text.replace(
        "parameters: {norm", f"  - model: blue+two\n    parameters: {weights}\nparameters: {{norm"
    )
    file.write_text(text)
    session = opened(family, tmp_path / "run")
    steps = session.engine.weights.steps
    assert not any(reference == "base+one" for reference, _ in steps)
    other = "model.layers.1.mlp.up_proj.weight"
    assert steps["blue+two", other] is steps["blue", other]
    assert ("blue", PROJECTION) in steps
    assert ("blue+two", PROJECTION) not in steps
    trials = searched(session, 6)
    assert [t.state for t in trials] == ["complete"] * 6
    for trial in trials:
        text = export_text(session.run, trial, "test")
        assert rebuilt_is_live(session, text, tmp_path / trial.name.replace(":", "-"))


def make_adapter(folder: Path, base: str, tensors: Any) -> None:
    """Write a LoRA adapter of rank 2 on one projection."""
    out, width = tensors[PROJECTION].shape
    prefix = f"base_model.model.{PROJECTION.removesuffix('.weight')}"
    generator = torch.Generator().manual_seed(1)
    shapes = {"lora_A": (2, width), "lora_B": (out, 2)}
    factors = {
        f"{prefix}.{n}.weight": torch.randn(s, generator=generator) / 4 for n, s in shapes.items()
    }
    folder.mkdir()
    save_file(factors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": base}
    (folder / "adapter_config.json").write_text(
        json.dumps({**config, "target_modules": ["q_proj"]})
    )


@pytest.mark.parametrize("source", ["base", "union"])
def test_tables_of_tokens_are_kept_whole_where_a_tokenizer_is_named(
    family: Path, tmp_path: Path, opened: Any, searched: Any, source: str
) -> None:
    with_more_tokens(family / "blue")
    file = in_steps(family, f"tokenizer: {{source: {source}}}\n")
    two = "  - {task: echo, metric: acc, name: two}\n"
    file.write_text(file.read_text().replace("  - sparsity: nonzero\n", two))
    session = opened(family, tmp_path / "run")
    names = {name for _, name in session.engine.weights.steps}
    assert PROJECTION in names
    assert not names & {EMBEDDING, "lm_head.weight"}
    trials = searched(session, 5)
    assert [t.state for t in trials] == ["complete"] * 5
    for trial in trials:
        assert (parse_recipe(trial.recipe).block.task_vectors is None) == trial.is_parent
        text = export_text(session.run, trial, "test")
        assert rebuilt_is_live(session, text, tmp_path / trial.name.replace(":", "-"))


def with_more_tokens(folder: Path) -> None:
    """Give a model two tokens more than the base has."""
    data = json.loads((folder / "tokenizer.json").read_text())
    words = data["model"]["vocab"]
    data["model"]["vocab"] = {**words, "new": len(words), "newer": len(words) + 1}
    (folder / "tokenizer.json").write_text(json.dumps(data))
    tensors = load_file(folder / "model.safetensors")
    for name in (EMBEDDING, "lm_head.weight"):
        tensors[name] = torch.cat([tensors[name], torch.linspace(-1, 1, 32).view(2, 16)])
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": len(words) + 2}))
