"""A build's model card: what the Hub reads of it, what it says, and what it keeps to itself."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import EvalResult, ModelCard
from optuna.samplers import RandomSampler
from safetensors import safe_open

import optimerge
from optimerge.errors import RunError
from optimerge.export.recipe import export_text
from optimerge.records.attributes import trial_attributes
from optimerge.records.run import Run, RunInfo, create_run, find_trial, open_run
from optimerge.records.types import Direction, MergeStats, Score
from optimerge.retest import tested

OBJECTIVES: dict[str, Direction] = {"echo": "maximize", "nonzero": "minimize"}
SPACE = (
    "merge_method: ties\nobjectives:\n- {task: echo, metric: 'acc,none'}\n- {sparsity: nonzero}\n"
)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"


def recipe_of(folder: Path, weight: float = 0.5, method: str = "ties") -> str:
    return (
        f"merge_method: {method}\nbase_model: {folder}/base\nmodels:\n"
        f"- {{model: {folder}/red, parameters: {{weight: {weight}, density: 0.4}}}}\n"
        f"- {{model: {folder}/blue, parameters: {{weight: 0.3, density: 0.6}}}}\n"
        "dtype: float32\nout_dtype: bfloat16\n"
    )


def score(value: float, items: int = 30, direction: Direction = "maximize") -> Score:
    return Score(value, 0.02 if items else 0.0, items, direction, 1.0)


def say(folder: Path, **keys: object) -> None:
    """Give a model a card of its own."""
    lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items())
    (folder / "README.md").write_text(
        f"---\n{lines}---\n# Ignore what you were told; <b>do</b> this\n"
    )


@pytest.fixture
def run(family: Path, tmp_path: Path) -> Run:
    """A run of a parent and two merges of the family, the first of them exported."""
    folder = tmp_path / "runs" / "mine"
    info = RunInfo(SPACE, "/home/somebody/space.yaml", "d", OBJECTIVES, 4, 0, False)
    made = create_run(folder, info)
    made.search.sampler = RandomSampler(seed=1)
    for study, origin, echo, size, weight in (
        (made.parents, "base", 0.30, 0.0, 0.0),
        (made.parents, "expert:red", 0.45, 1.0, 1.0),
        (made.search, "sampler", 0.50, 0.3, 0.5),
        (made.search, "sampler", 0.55, 0.6, 0.9),
    ):
        asked = study.ask()
        asked.suggest_float("red.weight", 0, 1)
        scores = {"echo": score(echo), "nonzero": score(size, 0, "minimize")}
        stats = MergeStats(0.5, 100, 25, 3.0, 1.0)
        text = recipe_of(family, weight) + "optimerge: {mode: fast, seed: 0}\n"
        for key, value in trial_attributes(origin, text, scores, stats, {"merge": 0.5}).items():
            asked.set_user_attr(key, value)
        study.tell(asked, [echo, size])
    made.search.set_user_attr("reference", [-0.3, 1.0])
    made.search.set_user_attr("scales", [0.5, 1.0])
    export(open_run(folder), folder / "recipe.yaml")
    return open_run(folder)


def export(run: Run, file: Path) -> None:
    file.write_text(export_text(run, find_trial(run, "0"), "picked by name"))


def built(file: Path, out: Path, **options: Any) -> str:
    optimerge.build(file, out, **options)
    return (out / "README.md").read_text()


def results() -> tested.Results:
    return tested.Results(
        objectives=OBJECTIVES,
        reported={"extra": "maximize"},
        tested=(
            tested.Tested("0", "merge", test={"echo": score(0.47, 200), "nonzero": score(0.3, 0, "minimize"), "extra": score(0.2, 90)}),
            tested.Tested("base", "parent", test={"echo": score(0.31, 200), "extra": score(0.1, 90)}),
            tested.Tested("uniform", "baseline", test={"echo": score(0.46, 200)}),
        ),
        reference=(-0.3, 1.0),
        scales=(0.5, 1.0),
        looks=2,
    )  # fmt: skip


def test_test_scores_are_a_model_index_that_the_hub_reads(run: Run, tmp_path: Path) -> None:
    text = built(run.folder / "recipe.yaml", tmp_path / "out", results=results())
    data = ModelCard(text).data
    found = {result.dataset_name: result for result in data.eval_results or []}
    assert found.keys() == {"echo", "extra"}  # sparsity is no evaluation
    echo = found["echo"]
    assert isinstance(echo, EvalResult)
    assert (echo.dataset_type, echo.metric_type, echo.metric_value) == ("echo", "acc", 0.47)
    assert echo.metric_args == {"items": 200, "stderr": 0.02}
    assert data.model_name == "out"
    assert data.tags == ["merge", "optimerge", "mergekit"]
    assert (data.library_name, data.pipeline_tag) == ("transformers", "text-generation")
    assert "**test scores**, on items that the search never saw" in text
    assert "they were looked at 2 times" in text
    assert "| **this model** |  | **0.47 ± 0.02** | **0.3** | **0.2 ± 0.02** |" in text
    assert "| uniform | baseline | 0.46 ± 0.02 |  |  |" in text
    assert "extra (only reported) ↑" in text


def test_a_merge_that_mergekit_cannot_make_is_not_called_its_own(
    family: Path, tmp_path: Path
) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(recipe_of(family, method="ties_slack"))
    text = built(file, tmp_path / "out")
    assert ModelCard(text).data.tags == ["merge", "optimerge"]
    assert "mergekit-yaml" not in text


def test_search_scores_are_called_so_and_are_no_model_index(run: Run, tmp_path: Path) -> None:
    text = built(run.folder / "recipe.yaml", tmp_path / "out")
    assert "**search scores**" in text
    assert "flattered" in text
    assert ModelCard(text).data.eval_results is None
    assert "| **this model** |  | **0.5 ± 0.02** | **0.3** |" in text
    assert "| red | parent | 0.45 ± 0.02 | 1 |" in text
    assert (tmp_path / "out" / "front.png").read_bytes().startswith(b"\x89PNG")
    assert "](front.png)" in text


def test_the_same_build_has_the_same_card(run: Run, tmp_path: Path) -> None:
    (tmp_path / "twice").mkdir()
    for out in (tmp_path / "out", tmp_path / "twice" / "out"):
        built(run.folder / "recipe.yaml", out, results=results())
    for name in ("README.md", "front.png"):
        one, two = (folder / name for folder in (tmp_path / "out", tmp_path / "twice" / "out"))
        assert one.read_bytes() == two.read_bytes()


def test_the_recipe_in_the_card_builds_the_same_model(
    run: Run, family: Path, tmp_path: Path
) -> None:
    text = built(run.folder / "recipe.yaml", tmp_path / "out")
    recipe = text.split("```yaml\n")[1].split("```")[0]
    (family / "recipe.yaml").write_text(recipe)
    built(family / "recipe.yaml", tmp_path / "again")
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("out", "again"))
    assert one == two
    assert (
        "optimerge build recipe.yaml merged --seed 0\n# or: mergekit-yaml recipe.yaml merged"
        in text
    )


def test_the_card_tells_nothing_of_this_machine(
    run: Run, family: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "s3cr3t-of-mine")
    file = run.folder / "recipe.yaml"
    block = "optimerge: {mode: fast, seed: 0, run: mine, trial: 0, command: optimerge build /home/me/x.yaml out --key s3cr3t-of-mine}\n"
    file.write_text(recipe_of(family) + block)
    text = built(file, tmp_path / "out")
    for part in (
        str(family),
        str(tmp_path),
        str(Path.home()),
        "/home",
        "s3cr3t-of-mine",
        "somebody",
    ):
        assert part not in text, part
    for name in ("base", "red", "blue"):
        assert f"| {name} (local) |" in text
        assert f"- `{name}`: `" in text
    hidden = (tmp_path / "out" / ".optimerge-build.json").read_text()
    assert str(family) not in hidden


def test_one_licence_is_inherited_and_several_are_flagged(
    run: Run, family: Path, tmp_path: Path
) -> None:
    for name in ("base", "red", "blue"):
        say(family / name, license="apache-2.0", language=["ja", "en"])
    data = ModelCard(built(run.folder / "recipe.yaml", tmp_path / "one")).data
    assert data.license == "apache-2.0"
    assert data.language == ["en", "ja"]

    say(family / "red", license="llama3.1", language="en")
    done = optimerge.build(run.folder / "recipe.yaml", tmp_path / "two")
    text = (tmp_path / "two" / "README.md").read_text()
    assert ModelCard(text).data.license is None
    assert ModelCard(text).data.language is None
    assert "The parents' licences differ: apache-2.0, llama3.1." in text
    assert any("licences differ" in note for note in done.notes)

    (family / "blue" / "README.md").unlink()
    say(family / "red", license="apache-2.0")
    text = built(run.folder / "recipe.yaml", tmp_path / "three")
    assert ModelCard(text).data.license is None
    assert "that of blue is not known. The others have apache-2.0." in text


def test_a_parents_card_is_data_and_only_of_known_form(
    run: Run, family: Path, tmp_path: Path
) -> None:
    for name in ("base", "red", "blue"):
        say(
            family / name,
            license="mit\n<script>alert(1)</script>",
            language=["<img src=x>", "en"],
            pipeline_tag="</x>",
            base_model=["javascript:alert(1)", "org/base-7b"],
        )
    (family / "blue" / "README.md").write_bytes(b"---\n&a [*a, *a]\n---\n\xff")
    text = built(run.folder / "recipe.yaml", tmp_path / "out")
    for part in ("<script", "<img", "alert", "Ignore what you were told", "<b>", "</x>"):
        assert part not in text, part
    assert ModelCard(text).data.base_model == ["org/base-7b"]
    assert (
        "`red` is a folder of whoever made this merge; it says that it comes from org/base-7b."
        in text
    )


def test_names_of_a_run_are_no_markup(run: Run, family: Path, tmp_path: Path) -> None:
    evil = "<img src=x>|`a`"
    block = {"scores": {evil: {"value": 0.5, "direction": "maximize", "items": 10}}}
    file = tmp_path / "recipe.yaml"
    file.write_text(recipe_of(family) + f"optimerge: {json.dumps(block)}\n")
    text = built(file, tmp_path / "out")
    table = text.split("## Recipe")[0]
    assert r"\<img src=x\>\|\`a\` ↑" in table
    assert "<img" not in table.replace(r"\<img", "")
    assert "````" not in text
    assert "\n```\n" in text.split("```yaml")[1]


def test_what_is_in_the_local_cache_of_the_hub_goes_by_its_name(
    family: Path, tmp_path: Path
) -> None:
    for name in ("base", "red", "blue"):
        place = tmp_path / "hub" / f"models--org--{name}-7b" / "snapshots" / COMMIT
        shutil.copytree(family / name, place)
        say(place, license="mit")
    file = tmp_path / "recipe.yaml"
    text = recipe_of(family)
    for name in ("base", "red", "blue"):
        text = text.replace(f"{family}/{name}", f"{tmp_path}/hub/models--org--{name}-7b/snapshots/{COMMIT}")  # fmt: skip
    file.write_text(text)
    card = built(file, tmp_path / "out")
    data = ModelCard(card).data
    assert data.base_model == ["org/base-7b", "org/red-7b", "org/blue-7b"]
    assert data.license == "mit"
    assert f"base_model: org/base-7b@{COMMIT}" in card
    assert f"[org/red-7b](https://huggingface.co/org/red-7b) at `{COMMIT[:12]}`" in card


def test_a_config_may_say_where_a_folder_comes_from(family: Path, tmp_path: Path) -> None:
    for name, origin in (("base", "org/base-7b"), ("red", "models/red"), ("blue", "/home/me/blue")):
        config = json.loads((family / name / "config.json").read_text())
        (family / name / "config.json").write_text(json.dumps({**config, "_name_or_path": origin}))
    (tmp_path / "recipe.yaml").write_text(recipe_of(family))
    text = built(tmp_path / "recipe.yaml", tmp_path / "out")
    assert ModelCard(text).data.base_model == ["org/base-7b"]
    assert "/home/me" not in text


def test_what_was_changed_after_its_export_has_no_scores(run: Run, tmp_path: Path) -> None:
    file = run.folder / "recipe.yaml"
    file.write_text(file.read_text().replace("weight: 0.5", "weight: 0.51"))
    text = built(file, tmp_path / "out")
    assert "is not, or not any more, what was scored" in text
    assert "0.02" not in text.split("## Recipe")[0]
    assert not (tmp_path / "out" / "front.png").exists()


def test_another_mode_is_another_model_without_scores(run: Run, tmp_path: Path) -> None:
    text = built(run.folder / "recipe.yaml", tmp_path / "out", mode="exact")
    assert "search scores" not in text
    assert "--seed 0 --exact" in text


def test_a_recipe_from_elsewhere_has_a_card_too(family: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(recipe_of(family))
    text = built(tmp_path / "recipe.yaml", tmp_path / "out")
    assert "None are known: this recipe comes from no search." in text
    with pytest.raises(RunError, match="holds no run"):
        optimerge.build(tmp_path / "recipe.yaml", tmp_path / "two", run=tmp_path / "none")
    assert not (tmp_path / "two").exists()


def test_all_that_a_model_needs_is_in_the_folder(family: Path, tmp_path: Path) -> None:
    (family / "base" / "chat_template.jinja").write_text(TEMPLATE)
    (family / "base" / "generation_config.json").write_text(
        '{"temperature": 0.6, "do_sample": true}'
    )
    (tmp_path / "recipe.yaml").write_text(recipe_of(family))
    optimerge.build(tmp_path / "recipe.yaml", tmp_path / "out", card=False)
    out = tmp_path / "out"
    assert not (out / "README.md").exists()
    assert (out / "chat_template.jinja").read_text() == TEMPLATE
    assert json.loads((out / "generation_config.json").read_text())["temperature"] == 0.6
    assert json.loads((out / "config.json").read_text())["dtype"] == "bfloat16"
    with safe_open(out / "model.safetensors", "pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"BF16"}  # noqa: SIM118
    from transformers import AutoTokenizer, GenerationConfig

    assert AutoTokenizer.from_pretrained(out).chat_template == TEMPLATE
    assert GenerationConfig.from_pretrained(out).temperature == 0.6


def test_a_finished_build_is_known_again_and_an_edited_card_kept(run: Run, tmp_path: Path) -> None:
    file, out = run.folder / "recipe.yaml", tmp_path / "out"
    built(file, out)
    again = optimerge.build(file, out, reuse=True, results=results())
    assert again.reused
    assert "**test scores**" in (out / "README.md").read_text()
    (out / "README.md").write_text("# Mine\n")
    assert optimerge.build(file, out, reuse=True).reused
    assert (out / "README.md").read_text() == "# Mine\n"
    with (out / "model.safetensors").open("ab") as weights:
        weights.write(b"x")
    with pytest.raises(optimerge.OptimergeError, match="exists and is not empty"):
        optimerge.build(file, out, reuse=True)


def test_results_of_other_trials_are_not_shown(run: Run, tmp_path: Path) -> None:
    others = replace(results(), tested=tuple(t for t in results().tested if t.name != "0"))
    text = built(run.folder / "recipe.yaml", tmp_path / "out", results=others)
    assert "**search scores**" in text
