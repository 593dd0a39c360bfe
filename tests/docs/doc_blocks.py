"""What the documentation shows: code blocks, commands in them, links, by the file they stand in.

A block says by its info string how it is checked: `yaml`, `python`, `sh` and `text` by what they
hold; `python compiled` is not run; `output` after the language is what a command prints, and
`unchecked` what nothing here can check.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from optimerge.cli.main import cli
from optimerge.space.read import make_space
from optimerge.space.space import SearchSpace

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.*"))
NAMES = "|".join(cli.commands)
PLACEHOLDERS = {"RUN": "runs/mine", "TRIAL": "17", "SPACE": "mine.yaml", "NAME": "nsga2"}
SPACE: dict[str, Any] = {
    "merge_method": "dare_ties",
    "base_model": "org/base-7b",
    "models": [
        {"model": "org/math-7b", "parameters": {"weight": {"low": 0, "high": 1}, "density": 0.5}}
    ],
    "objectives": [{"task": "gsm8k"}],
}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    file: str
    """Relative to the repository."""
    line: int
    kind: str
    """The first word after the fence; "" if there is none."""
    how: str
    """What stands behind it."""
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@cache
def pages() -> tuple[str, ...]:
    """Return every Markdown page that is committed, or about to be, and written by hand.

    docs/reference is made from the package and has tests of its own; tests/ holds data.
    """
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    found = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    others = ("tests/", "docs/reference/")
    return tuple(n for n in found.split() if not n.startswith(others) and (ROOT / n).exists())


def blocks_of(text: str, file: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    opened: tuple[int, str, str, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r"( *)(`{3,})\s*(.*)$", line)
        if opened is None and fence:
            kind, _, how = fence[3].partition(" ")
            opened, lines = (number, fence[1] + fence[2], kind, how.strip()), []
        elif opened and fence and not fence[3] and line.rstrip() == opened[1]:
            yield Block(file, opened[0], opened[2], opened[3], "\n".join(lines) + "\n")
            opened = None
        elif opened:
            lines.append(line)
    assert opened is None, f"{file}: a block that is not closed"


@cache
def blocks() -> tuple[Block, ...]:
    """Return the blocks of every page."""
    return tuple(b for file in pages() for b in blocks_of((ROOT / file).read_text(), file))


def commands_in(text: str) -> Iterator[list[str]]:
    """Every optimerge command of a shell text, without what stands round it.

    A comment begins at " #", or after two spaces.
    """
    for line in text.replace("\\\n", " ").splitlines():
        found = re.search(rf"(?:^|[\s=`])(optimerge (?:{NAMES})\b[^`#&]*)", line)
        if found and not line.lstrip().startswith("#"):
            said = re.split(r"\s{2,}", found[1])[0]
            words = shlex.split(re.sub(r'"?\$(\w+|\{[^}]*\})', "X", said).replace('"', ""))
            yield [PLACEHOLDERS.get(word.removesuffix("..."), word) for word in words]


def check_command(words: list[str]) -> None:
    """Raise click's error if optimerge does not take the command."""
    name, *rest = words[1:]
    with cli.commands[name].make_context(name, list(rest)) as context:
        assert context.params


def named_options(text: str) -> Iterator[tuple[str, str]]:
    """Yield the commands and options that a sentence names in backticks: `search --until`."""
    for span in re.findall(r"`([^`]+)`", text):
        if found := re.match(rf"optimerge ({NAMES})\b(.*)", span, re.DOTALL):
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", found[2]) or [""]:
                yield found[1], option


def prose(text: str) -> str:
    """Return a page without its fenced blocks."""
    kept, inside = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def spaces_of(text: str) -> Iterator[SearchSpace]:
    """Yield what a YAML block stands for, as search spaces: whole, or a part put into a whole one.

    Where every line begins with the same key, each is a part of its own; parameters are the first
    model's.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    keys = {line.split(":")[0] for line in lines}
    parts = lines if len(keys) == 1 and len(lines) > 1 else [text]
    for part in parts:
        data = yaml.safe_load(part)
        first = SPACE["models"][0]
        if not data.keys() & {*SPACE, "tasks", "report", "search", "include_path", "tokenizer"}:
            model = {**first, "parameters": {**first["parameters"], **data}}
            data = {"models": [model]}
        yield make_space({**SPACE, **data}, Path("mine.yaml"))


def links_of(text: str) -> Iterator[str]:
    """Yield the relative links and pictures of a page."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if not re.match(r"[a-z]+:", target):
            yield target


def slugs(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in found}
