"""`optimerge check --offline`: no models, no network, no torch; and what plain `check` says of it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from optimerge.cli.main import run

NO_MODELS = """\
merge_method: {choices: [dare_ties, task_arithmetic]}
base_model: org/base-7b
models:
  - {model: org/math-7b, parameters: {weight: {low: 0, high: 1}, density: {low: 0.1, high: 1}}}
  - {model: org/code-1.5B, parameters: {weight: {low: 0, high: 1, layer_groups: each}}}
objectives:
  - {task: echo, search_items: 30, test_items: 10}
  - {sparsity: nonzero}
include_path: tasks
"""


@pytest.fixture
def space(family: Path) -> Path:
    """A space of models that nobody has, with tasks that are there."""
    file = family / "nowhere.yaml"
    file.write_text(NO_MODELS)
    return file


def change(file: Path, **keys: object) -> None:
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **keys}))


def refused(file: Path, capsys: pytest.CaptureFixture[str], *words: str) -> None:
    assert run(["check", "--offline", str(file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    for word in words:
        assert word in said.err, said.err


def test_a_space_without_models_is_checked_by_what_is_known(
    space: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--offline", str(space)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("models: base base-7b (7 billion by its name) and 2 experts")
    assert "code-1.5B (1.5 billion by its name)" in lines[0]
    assert lines[1] == (
        "methods: dare_ties, task_arithmetic; 4 dimensions; more once the models' layers are known"
    )
    assert "  math-7b.density: [0.1, 1]" in lines
    assert (
        "objective echo: maximize acc,none of task echo, 0-shot; 30 search items and 10 test items "
        "asked for"
    ) in lines
    memory, times, unseen = lines[-3:]
    # Base 7e9, experts 7e9 and 1.5e9, the resident model 7e9 parameters of 2 bytes.
    assert memory.startswith("memory, estimated: about 41.9 GiB of weights")
    assert times.startswith("time, estimated: ")
    assert "nothing of it measured" in times
    assert unseen.startswith("not looked at: whether the models can be had")


def test_a_size_that_no_name_gives_is_unknown(
    space: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(space, base_model="org/base")
    assert run(["check", "--offline", str(space)]) == 0
    out = capsys.readouterr().out
    assert "base base (unknown size)" in out
    assert (
        "memory, estimated: unknown: neither the name nor a folder here gives the size of org/base"
        in out
    )
    assert "time, estimated: unknown, as the models' size is" in out


def test_a_folder_that_is_not_there_brings_the_name_of_one_that_is(
    family: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = family / "space.yaml"
    base = yaml.safe_load(file.read_text())["base_model"]
    change(file, base_model=f"{base}e")
    assert run(["check", "--offline", str(file)]) == 0
    assert f"(unknown size; did you mean {base!r}?)" in capsys.readouterr().out


def test_models_that_are_there_are_measured(
    family: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--offline", str(family / "space.yaml")]) == 0
    out = capsys.readouterr().out
    assert run(["check", str(family / "space.yaml")]) == 0
    whole = capsys.readouterr().out
    count = next(part for part in whole.split(", ") if part.endswith(" parameters"))
    assert f"base base ({count}, float32, on this machine)" in out
    shared = ("methods:", "  red.", "  blue.", "search:")
    kept = [line for line in whole.splitlines() if line.startswith(shared)]
    assert [line for line in out.splitlines() if line.startswith(shared)] == kept


def test_faults_are_found(space: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for keys, words in (
        ({"merge_method": "dare_tise"}, ["did you mean 'dare_ties'?"]),
        ({"objectives": [{"task": "ecco"}]}, ["no task of", "did you mean 'echo'?"]),
        ({"objectives": [{"task": "echo", "metric": "acc,strict"}]}, ["'acc,strict'", "acc,none"]),
        ({"objectives": [{"task": "echo", "num_fewshot": 3}]}, ["num_fewshot 3 has no effect"]),
        ({"objectives": [{"length": "prompts.txt"}]}, ["prompts.txt: no such file"]),
        ({"objectives": [{"drift": "a.txt", "to": "org/maths-7b"}]}, ["org/math-7b"]),
        ({"include_path": "task"}, ["is not a folder"]),
        ({"search": {"sampler": {"name": "nsga2", "populationsize": 3}}}, ["population_size"]),
        ({"search": {"warm_start": {"recipes": ["known.yaml"]}}}, ["known.yaml: no such file"]),
        ({"base_model": "./folder/of mine"}, ["cannot be a model of the Hub"]),
    ):
        file = space.with_name("fault.yaml")
        file.write_text(NO_MODELS)
        change(file, **keys)
        refused(file, capsys, *words)


def test_code_in_a_task_file_needs_consent(space: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (space.parent / "tasks" / "coded.yaml").write_text(
        "task: coded\ndataset_path: json\nprocess_results: !function none.judge\n"
        "metric_list: [{metric: acc}]\n"
    )
    change(space, objectives=[{"task": "coded"}])
    refused(space, capsys, "names Python code to run", "--allow-code")
    assert run(["check", "--offline", "--allow-code", str(space)]) == 0


def test_a_recipe_to_start_from_must_be_a_point(
    space: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = space.with_name("known.yaml")
    recipe = {
        "merge_method": "dare_ties",
        "base_model": "org/base-7b",
        "models": [
            {"model": "org/math-7b", "parameters": {"weight": 0.5, "density": 0.5}},
            {"model": "org/code-1.5B", "parameters": {"weight": 0.5}},
        ],
    }
    known.write_text(yaml.safe_dump(recipe))
    plain = [
        {**m, "parameters": {"weight": {"low": 0, "high": 1}, "density": {"low": 0, "high": 1}}}
        for m in recipe["models"]
    ]
    change(space, search={"warm_start": {"recipes": ["known.yaml"]}})
    assert run(["check", "--offline", str(space)]) == 0
    assert "whether the recipes to start from are points" in capsys.readouterr().out
    change(space, models=plain)
    recipe["models"][1]["parameters"] = {"weight": 0.5, "density": 0.5}
    known.write_text(yaml.safe_dump(recipe))
    assert run(["check", "--offline", str(space)]) == 0
    assert "recipes to start from" not in capsys.readouterr().out
    recipe["models"][0]["parameters"]["weight"] = 3
    known.write_text(yaml.safe_dump(recipe))
    refused(space, capsys, "is no point of")
    known.write_text(yaml.safe_dump({**recipe, "merge_method": "linear"}))
    refused(space, capsys, "known.yaml")


def test_neither_torch_nor_transformers_is_imported(space: Path) -> None:
    code = (
        "import sys\n"
        "from optimerge.cli.main import run\n"
        f"code = run(['check', '--offline', {str(space)!r}])\n"
        "heavy = {'torch', 'transformers', 'optuna'} & sys.modules.keys()\n"
        "sys.exit(f'imported: {heavy}' if heavy else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_plain_check_names_the_way_without_models(
    space: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    start = time.perf_counter()
    assert run(["check", str(space)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Error: 'org/base-7b' is neither a folder nor a model of the Hub")
    assert f"`optimerge check --offline {space}` checks the rest" in said.err
    assert time.perf_counter() - start < 60


def test_plain_check_looks_at_names_before_it_imports_torch(family: Path) -> None:
    file = family / "space.yaml"
    file.write_text(file.read_text().replace("task: echo", "task: ecco"))
    code = (
        "import sys\n"
        "from optimerge.cli.main import run\n"
        f"code = run(['check', {str(file)!r}])\n"
        "sys.exit('torch' if 'torch' in sys.modules else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "did you mean 'echo'?" in done.stderr
