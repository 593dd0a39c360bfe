"""Rules of the house that a linter does not know."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "torch", "optuna", "transformers", "pandas", "lm_eval", "datasets", "rich")
COMMANDS = [
    "build",
    "calibrate",
    "check",
    "completion",
    "dashboard",
    "demo",
    "evaluate",
    "export",
    "front",
    "methods",
    "objectives",
    "report",
    "samplers",
    "schema",
    "search",
    "show",
    "soup",
    "status",
    "stop",
    "test",
    "zoo",
]


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split()[-400:])


def test_help_imports_nothing_heavy() -> None:
    loaded = modules_after("from optimerge.cli.main import run\nassert run(['--help']) == 0")
    assert not loaded & set(HEAVY)


def test_the_probe_above_sees_a_heavy_import() -> None:
    assert "numpy" in modules_after("import numpy")


@pytest.mark.parametrize(
    "code",
    [
        "from optimerge.cli.main import run; run(['methods', 'ties'])",
        "import optimerge.zoo",
        "import optimerge.records.run, optimerge.space.read, optimerge.merge.plan",
    ],
)
def test_what_needs_no_torch_loads_none(code: str) -> None:
    assert not modules_after(code) & {"torch", "transformers", "numpy"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_an_example(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "optimerge", command, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert f"optimerge {command}" in done.stdout.split("Example", 1)[1]


def test_the_commands_are_those_that_are_tested() -> None:
    from optimerge.cli.main import cli

    assert sorted(cli.commands) == sorted(COMMANDS)


def python_files() -> list[Path]:
    return [p for d in ("optimerge", "tests", "benchmarks") for p in (ROOT / d).rglob("*.py")]


def test_no_file_is_longer_than_400_lines() -> None:
    long = {p.name: n for p in python_files() if (n := len(p.read_text().splitlines())) > 400}
    assert not long


def test_the_readme_starts_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    first = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert first is not None
    assert first.start() < 3000
    assert re.findall(r"^pip install.*$", first[1], re.MULTILINE) == [
        "pip install -c constraints.txt -e . && optimerge demo",
        "pip install -c constraints.txt -e '.[test]' && pytest",
    ]


def test_the_constraints_pin_what_the_package_needs() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    pins = (ROOT / "constraints.txt").read_text().lower().replace("_", "-")
    for requirement in needed:
        name = re.split(r"[\[<>=]", requirement)[0].lower()
        assert f"\n{name}==" in pins, name
    assert "\ntorch==2.13.0\n" in pins
