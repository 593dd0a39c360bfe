"""A run folder made by hand, for tests that only look at one; and processes in terminals."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

from optimerge.records.attributes import trial_attributes
from optimerge.records.run import Run, RunInfo, create_run
from optimerge.records.types import Direction, Score

OBJECTIVES: dict[str, Direction] = {"maths": "maximize", "code": "maximize", "size": "minimize"}
RECIPE = "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}]\n"
COLOURS = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS", "PYTHONIOENCODING")


def made_run(
    folder: Path,
    trials: int = 4,
    goal: int | None = 7,
    *,
    experts: Sequence[str] = ("math", "code"),
    space: str = "/x/space.yaml",
    ends: str | None = None,
) -> Run:
    """Make a run of a base, experts and so many merges."""
    run = create_run(folder, RunInfo("objectives: []\n", space, "d", OBJECTIVES, 4, 0, False))
    run.search.set_user_attr("goal", goal)
    run.search.set_user_attr("ends", ends)
    for place, name in enumerate(["base", *(f"expert:{name}" for name in experts)]):
        told(run, "parents", name, (0.5, 0.4 + place / 10, 0.0))
    for number in range(trials):
        told(run, "search", "sampler", (0.6, 0.3 + number / 50, 0.5 - number / 50))
    run.search.set_user_attr("reference", [0.0, 0.0, 1.0])
    run.search.set_user_attr("scales", [0.5, 0.5, 1.0])
    return run


def told(run: Run, study: str, origin: str, values: Sequence[float]) -> None:
    """Put one finished trial into a study of the run."""
    into = run.parents if study == "parents" else run.search
    asked = into.ask()
    asked.suggest_float("a.weight", 0, 1)
    scores = {
        name: Score(value, 0.02 if name != "size" else 0.0, 50 * (name != "size"), way, 1.0)
        for (name, way), value in zip(OBJECTIVES.items(), values, strict=True)
    }
    for key, value in trial_attributes(origin, RECIPE, scores).items():
        asked.set_user_attr(key, value)
    into.tell(asked, list(values))


def optimerge(
    *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command in a process of its own, its output in pipes."""
    return subprocess.run(
        [sys.executable, "-m", "optimerge", *words],
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
    )


def in_terminal(
    *words: str, width: int, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run a command in a terminal of that width; return what it shows, colours and all."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "optimerge", *words],
        cwd=cwd,
        env=environment({"TERM": "xterm-256color", **(env or {})}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        said = b""
        try:
            while found := os.read(ours, 65536):
                said += found
        except OSError:  # the terminal's other end is closed: Linux's way to say the end
            pass
    os.close(ours)
    return said.decode().replace("\r\n", "\n")


def environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """Return this environment without what decides on colours and widths, and with more."""
    kept = {name: value for name, value in os.environ.items() if name not in COLOURS}
    return kept | dict(more or {})
