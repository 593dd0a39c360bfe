"""The example package: installed as any other, it keeps our laws, and a search runs on it whole."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from optimerge.zoo import DEFAULT
from optimerge.zoo.make import cached_zoo

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plugin"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install a copy of the package where nobody else finds it."""
    folder = tmp_path_factory.mktemp("plugin")
    copy = folder / "source"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(folder / "site"), str(copy)], check=True)
    return folder / "site"


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """Write a space of the demo's zoo that uses all three."""
    zoo = shutil.copytree(cached_zoo(DEFAULT).space.parent, tmp_path / "zoo")
    data = yaml.safe_load((zoo / "space.yaml").read_text())
    data["merge_method"] = "median"
    data["models"] = [{"model": model["model"]} for model in data["models"]]
    data["parameters"] = {"lambda": {"low": 0.2, "high": 2.0, "layer_groups": 3}}
    data["objectives"] = [
        {"task": "zoo_add", "search_items": 40, "test_items": 20},
        {"plugin": "repetition", "prompts": "prompts.txt", "max_new_tokens": 16, "length": 1},
    ]
    sampler = {"name": "neighbours", "reach": 0.3}
    data["search"] = {"sampler": sampler, "seed": 0, "racing": False}
    (zoo / "prompts.txt").write_text("add 4 7 + 3 8 =\nsort + a c b d =\nadd 1 1 + 1 1 =\n")
    (zoo / "space.yaml").write_text(yaml.safe_dump(data))
    return zoo / "space.yaml"


def optimerge(site: Path | None, *words: str | Path, code: int = 0) -> str:
    path = [str(site)] if site else []
    path += [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    done = subprocess.run(
        [sys.executable, "-m", "optimerge", *map(str, words)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def test_the_package_s_own_tests_pass(site: Path, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "tests")],
        env=os.environ | {"PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 60


def test_it_is_listed(site: Path) -> None:
    assert re.search(
        r"^median .*\(package optimerge-example 0.1.0\)$", optimerge(site, "methods"), re.M
    )
    assert "neighbours" in optimerge(site, "samplers")
    text = optimerge(site, "objectives", "repetition")
    assert "  prompts         required  name     text file with one prompt on each line" in text


def test_a_search_runs_is_resumed_exported_built_and_evaluated(
    site: Path, space: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert "(of optimerge-example 0.1.0)" in optimerge(site, "check", space)
    optimerge(site, "search", space, "--run-dir", run, "--trials", "9")
    optimerge(site, "search", space, "--run-dir", run, "--trials", "14", "--workers", "2")
    front = json.loads(optimerge(site, "front", run, "--all", "--format", "json"))
    trials = [t for t in front if t["state"] == "complete" and not t["parent"]]
    assert len(trials) >= 9
    assert {"zoo_add", "repetition"} == set(trials[0]["values"])
    assert len({t["values"]["repetition"] for t in trials}) > 1
    assert len({t["values"]["zoo_add"] for t in trials}) > 1
    number = next(t["number"] for t in trials if t["values"]["zoo_add"] > 0)

    recipe = tmp_path / "recipe.yaml"
    optimerge(site, "export", run, "--trial", str(number), "-o", recipe)
    text = recipe.read_text()
    assert "only optimerge can: mergekit has no method 'median'" in text
    block = yaml.safe_load(text)["optimerge"]
    assert re.fullmatch(r"optimerge-example 0\.1\.0 \(source \w{16}\)", block["method_package"])
    assert block["versions"]["optimerge-example"] == "0.1.0"

    optimerge(site, "build", recipe, tmp_path / "built")
    assert "optimerge-example 0.1.0" in (tmp_path / "built" / "README.md").read_text()
    scored = optimerge(site, "evaluate", tmp_path / "built", "--run", run)
    assert "repetition" in scored

    said = optimerge(None, "build", recipe, tmp_path / "again", code=2)
    assert "it was scored with that of optimerge-example 0.1.0 (source" in said
    assert "no installed package has an objective 'repetition'" in optimerge(
        None, "search", space, "--run-dir", run, code=2
    )
    assert "Pareto front of run" in optimerge(None, "front", run)


def test_the_helper_process_has_the_sampler_too(site: Path, space: Path, tmp_path: Path) -> None:
    """A sampler that is declared slow proposes in a process of its own."""
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    file = copy / "optimerge_example" / "neighbours.py"
    file.write_text(file.read_text().replace('"", make)', '"", make, ahead=True)'))
    optimerge(copy, "search", space, "--run-dir", tmp_path / "run", "--trials", "10")
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "cannot be started" not in log
    assert "Traceback" not in log


def test_other_code_of_the_package_does_not_go_on_with_the_run(
    site: Path, space: Path, tmp_path: Path
) -> None:
    copy, run = tmp_path / "site", tmp_path / "run"
    shutil.copytree(site, copy)
    optimerge(copy, "search", space, "--run-dir", run, "--trials", "6")
    file = copy / "optimerge_example" / "median.py"
    file.write_text(file.read_text() + "# changed\n")
    said = optimerge(copy, "search", space, "--run-dir", run, "--trials", "8", code=2)
    assert "the method median of its trials is that of optimerge-example 0.1.0 (source" in said
