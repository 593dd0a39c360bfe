"""What a command imports before it does anything: little, and nothing of other commands."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runs import made_run

from optimerge.cli.main import cli
from optimerge.cli.sections import SECTIONS

HEAVY = {
    *("numpy", "scipy", "pandas", "torch", "transformers", "datasets", "lm_eval", "optuna"),
    *("pydantic", "rich", "sklearn", "matplotlib", "yaml", "sqlalchemy", "asyncio"),
}
COMMANDS = [name for names in SECTIONS.values() for name in names]
PROBE = """
import json, sys
from optimerge.cli.main import run
codes = [run(words) for words in json.loads(sys.argv[1])]
print("\\n" + json.dumps([codes, sorted(sys.modules)]))
"""


def after(*lines: list[str], cwd: Path | None = None) -> set[str]:
    """Return the modules that are loaded after command lines that succeed, in one process."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(lines)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    codes, modules = json.loads(done.stdout.splitlines()[-1])
    assert set(codes) == {0}, done.stderr
    return set(modules)


def test_help_of_every_command_and_the_version_load_nothing_heavy() -> None:
    helps = [[name, "--help"] for name in COMMANDS]
    assert not after(["--help"], ["--version"], ["completion", "bash"], *helps) & HEAVY


def test_the_first_screen_loads_nothing_heavy(tmp_path: Path) -> None:
    made_run(tmp_path / "runs" / "mine")
    assert not after([], cwd=tmp_path) & HEAVY


def test_a_command_loads_no_other_command() -> None:
    loaded = after(["methods"])
    assert "optimerge.cli.methods" in loaded
    others = {f"optimerge.cli.{name}" for name in COMMANDS if name != "methods"}
    assert not loaded & others


def test_lists_of_methods_and_samplers_load_no_numbers() -> None:
    assert not after(["methods"], ["methods", "ties"]) & HEAVY
    assert after(["samplers"], ["samplers", "cmaes"]) & HEAVY == {"pydantic"}


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (["status", "runs/mine"], set()),
        (["show", "runs/mine", "2"], set()),
        (["front", "runs/mine"], {"rich"}),
        (["export", "runs/mine", "-o", "-"], set()),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_looking_at_a_run_loads_no_torch_and_no_pandas(
    words: list[str], more: set[str], tmp_path: Path
) -> None:
    made_run(tmp_path / "runs" / "mine")
    allowed = {"numpy", "optuna", "pydantic", "yaml", "asyncio"} | more
    assert after(words, cwd=tmp_path) & HEAVY <= allowed


def test_the_probe_sees_what_is_loaded(tmp_path: Path) -> None:
    made_run(tmp_path / "run")
    assert {"numpy", "optuna"} <= after(["status", str(tmp_path / "run")])


def test_the_names_of_commands_are_known_without_loading_them() -> None:
    assert list(cli.commands) == COMMANDS
    assert "search" in cli.commands
    assert "serch" not in cli.commands
    with pytest.raises(KeyError):
        cli.commands["serch"]
    assert all(cli.commands[name].name == name for name in COMMANDS)
