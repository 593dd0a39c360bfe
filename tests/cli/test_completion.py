"""Shell completion: what the shells are answered, and real shells where they are installed."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_runs import environment, made_run, optimerge

from optimerge.cli.completion_shells import INSTALL
from optimerge.cli.first_screen import SPACE
from optimerge.cli.main import run

PATIENCE = 60


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a run, a search space, and other things."""
    made_run(tmp_path / "runs" / "mine")
    (tmp_path / "runs" / "mine" / "recipe.yaml").write_text("merge_method: linear\n")
    (tmp_path / "runs" / "notes").mkdir()
    (tmp_path / "space.yaml").write_text(SPACE)
    (tmp_path / "task.yaml").write_text("task: x\n")
    return tmp_path


def asked(here: Path, *words: str) -> list[str]:
    """Return what zsh is offered for the last of the words."""
    said = optimerge(
        cwd=here,
        env={
            "_OPTIMERGE_COMPLETE": "zsh_complete",
            "COMP_WORDS": " ".join(["optimerge", *words]),
            "COMP_CWORD": str(len(words)),
        },
    )
    assert (said.returncode, said.stderr) == (0, "")
    lines = said.stdout.strip("\n").splitlines()
    kinds, values = lines[::3], lines[1::3]
    return [v if k == "plain" else f"<{k}>" for k, v in zip(kinds, values, strict=True)]


def bash(here: Path, words: list[str]) -> list[str]:
    """Return what bash is answered for words as it cuts them; the last is the one to complete."""
    said = optimerge(
        cwd=here,
        env={
            "_OPTIMERGE_COMPLETE": "bash_complete",
            "COMP_WORDS": "\n".join(["optimerge", *words]),
            "COMP_CWORD": str(len(words)),
        },
    )
    return said.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sea"], ["search"]),
        (["search", "--tri"], ["--trials", "--trial-timeout"]),
        (["search", "sp"], ["space.yaml"]),
        (["search", "space.yaml", "--sampler", "ns"], ["nsga2", "nsga3"]),
        (["search", "space.yaml", "--device", "c"], ["cpu", "cuda"]),
        (["check", "task.y"], ["<file>"]),
        (["status", "ru"], ["runs/mine"]),
        (["status", "elsewhere/"], ["<dir>"]),
        (["build", "ru"], ["runs/mine/recipe.yaml"]),
        (["dashboard", "runs/mine", "runs/m"], ["<dir>"]),
        (["methods", "dare"], ["dare_linear", "dare_ties"]),
        (["methods", "dare_ties", "dare"], ["dare_linear"]),
        (["samplers", "mm"], ["mmmo", "mmmo_as_released"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["export", "runs/mine", "--pick", "best"], [r"best\:maths", r"best\:code", r"best\:size"]),
        (["export", "runs/mine", "--pick", "dom"],
         [r"dominates\:base", r"dominates\:math", r"dominates\:code"]),
        (["export", "--pick", "best"], []),
        (["export", "runs/none", "--pick", "best"], []),
        (["export", "runs/mine", "--at-least", ""], ["maths=", "code=", "size="]),
        (["show", "runs/mine", ""], ["base", "math", "code"]),
        (["show", "runs/mine", "1", "--items", "m"], ["maths"]),
    ],
    ids=lambda each: " ".join(each),
)  # fmt: skip
def test_a_word_may_go_on_with(here: Path, words: list[str], offered: list[str]) -> None:
    assert asked(here, *words) == offered


@pytest.mark.parametrize(
    ("words", "answered"),
    [
        (["export", "runs/mine", "--pick", "best", ":", "ma"], ["plain,maths"]),
        (["export", "runs/mine", "--pick", "best", ":"],
         ["plain,maths", "plain,code", "plain,size"]),
        (["export", "runs/mine", "--pick", "be"],
         ["plain,best:maths", "plain,best:code", "plain,best:size"]),
        (["export", "runs/mine", "--pick", "=", "best", ":", "ma"], ["plain,maths"]),
        (["export", "runs/mine", "--pick", "=", "kn"], ["plain,knee"]),
        (["export", "runs/mine", "--at-least", "ma"], ["plain,maths="]),
    ],
    ids=lambda each: " ".join(each),
)  # fmt: skip
def test_bash_is_answered_the_piece_it_asks_for(
    here: Path, words: list[str], answered: list[str]
) -> None:
    assert bash(here, words) == answered


def test_a_broken_run_is_no_reason_to_say_something(here: Path) -> None:
    (here / "runs" / "mine" / "study.journal").write_bytes(b"\xff\xfe")
    assert asked(here, "export", "runs/mine", "--pick", "best") == []
    assert asked(here, "export", "runs/mine", "--pick", "kn") == ["knee"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_and_says_how_to_install_it(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert f"\n# To install it: {INSTALL[shell]}\n" in f"\n{text}"
    assert f"_OPTIMERGE_COMPLETE={shell}_complete" in text
    if found := shutil.which(shell):
        done = subprocess.run([found, "-n"], input=text, capture_output=True, encoding="utf-8")
        assert (done.returncode, done.stderr) == (0, "")


def test_zsh_finds_its_first_line_first(capsys: pytest.CaptureFixture[str]) -> None:
    run(["completion", "zsh"])
    assert capsys.readouterr().out.startswith("#compdef optimerge\n")


@pytest.mark.parametrize(("shell", "code"), [("/bin/zsh", 0), ("/bin/csh", 2), ("", 2)])
def test_the_shell_is_guessed(
    shell: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", shell)
    assert run(["completion"]) == code
    printed = capsys.readouterr()
    assert "give bash or zsh or fish" in printed.err if code else "#compdef" in printed.out


STARTS = {
    "bash": (["--norc", "--noprofile", "-i"], "source <(optimerge completion bash)"),
    "zsh": (
        ["-f", "-i"],
        "autoload -U compinit; compinit -u -D; source <(optimerge completion zsh)",
    ),
}


class Shell:
    """A shell in a terminal, with an `optimerge` on its path."""

    def __init__(self, name: str, here: Path) -> None:
        words, setup = STARTS[name]
        program = here / "bin" / "optimerge"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m optimerge "$@"\n')
        program.chmod(0o755)
        self._ours, theirs = pty.openpty()
        env = environment({"TERM": "dumb", "PS1": "", "HOME": str(here), "INPUTRC": "/dev/null"})
        env["PATH"] = f"{program.parent}:{env['PATH']}"
        self._process = subprocess.Popen(
            [shutil.which(name) or name, *words],
            cwd=here,
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.type(f"{setup}; echo rea''dy\n", "ready")

    def type(self, text: str, until: str) -> str:
        """Type text; return what is shown, once that shows up."""
        os.write(self._ours, text.encode())
        said, deadline = "", time.monotonic() + PATIENCE
        while until not in said:
            assert time.monotonic() < deadline, said
            if select.select([self._ours], [], [], 0.1)[0]:
                said += os.read(self._ours, 65536).decode(errors="replace")
        return said

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)


@pytest.mark.slow
@pytest.mark.parametrize(
    "shell",
    [
        pytest.param(n, marks=pytest.mark.skipif(shutil.which(n) is None, reason=f"needs {n}"))
        for n in STARTS
    ],
)
def test_a_real_shell_completes_commands_runs_and_names_with_colons(shell: str, here: Path) -> None:
    found = Shell(shell, here)
    try:
        found.type("optimerge exp\t", "optimerge export ")
        found.type("ru\t", "runs/mine ")
        said = found.type("--pick best:ma\t", "best:maths ")
        assert not re.search("best:best", said)
    finally:
        found.end()


def test_the_script_of_bash_calls_optimerge_and_takes_its_answer(here: Path) -> None:
    """The function itself, in a bash without a terminal: quick, where there is one."""
    if not (found := shutil.which("bash")):
        pytest.skip("needs bash")
    text = optimerge("completion", "bash").stdout
    (here / "optimerge").write_text(f'#!/bin/sh\nexec {sys.executable} -m optimerge "$@"\n')
    (here / "optimerge").chmod(0o755)
    script = f"""
complete() {{ :; }}; compopt() {{ echo opt "$@"; }}
{text}
COMP_WORDS=(./optimerge export runs/mine --at-least ma); COMP_CWORD=4
_optimerge_completion ./optimerge; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run([found, "-c", script], cwd=here, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("opt -o nospace\nmaths=\n", "")
