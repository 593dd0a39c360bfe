"""Messages that docs/troubleshooting.md explains are such as optimerge says."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from doc_blocks import ROOT

from optimerge.cli.main import run

PAGE = ROOT / "docs" / "troubleshooting.md"
FROM_TORCH = {"CUDA out of memory"}
"""Said by a library, and recorded as it is."""


def titles() -> list[str]:
    return re.findall(r"^### `(.+?)`", PAGE.read_text(), re.MULTILINE)


@cache
def said_in_source() -> str:
    """Every text of the package, with … where something is put in, backticks left out."""
    found = []
    for file in (ROOT / "optimerge").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [v.value if isinstance(v, ast.Constant) else "…" for v in node.values]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found).replace("`", "")


def fragments(title: str) -> list[str]:
    """The longest literal pieces of a title; short ones say nothing."""
    pieces = [re.sub(r"^[\s;:,)(]+|[\s;:,)(]+$", "", part) for part in title.split("…")]
    return [p for p in pieces if len(p) > 8] or [max(pieces, key=len)]


def test_there_are_many_messages() -> None:
    assert len(titles()) > 40
    assert len(set(titles())) == len(titles())


@pytest.mark.parametrize("title", [t for t in titles() if t not in FROM_TORCH])
def test_a_message_is_one_that_the_package_can_say(title: str) -> None:
    for piece in fragments(title):
        assert piece in said_in_source(), piece


def test_a_message_that_nobody_says_would_be_seen() -> None:
    [piece] = fragments("… holds a run of another serch space: …")
    assert piece not in said_in_source()


def broken(data: dict[str, object], **changed: object) -> dict[str, object]:
    return {**data, **changed}


def provoked(made_family: Path, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """What a beginner does wrong: a name, and the command that does it."""
    data = yaml.safe_load((made_family / "space.yaml").read_text())
    for name in ("base", "red", "blue", "tasks"):
        (folder / name).symlink_to(made_family / name)
    empty = folder / "empty"
    empty.mkdir()
    (empty / "config.json").write_text((made_family / "red" / "config.json").read_text())
    models = data["models"]
    cases: dict[str, dict[str, object]] = {
        "no model": broken(data, base_model="./nowhere"),
        "no weights": broken(data, models=[{**models[0], "model": "empty"}, models[1]]),
        "key": broken(data, merge_methd="ties"),
        "method": broken(data, merge_method="dare-ties"),
        "parameter": broken(data, models=[{"model": "red", "parameters": {"densty": 1}}]),
        "range": broken(data, models=[{"model": "red", "parameters": {"density": 2}}]),
        "metric": broken(data, objectives=[{"task": "echo", "metric": "f2"}]),
        "code": broken(data, objectives=[{"function": "mine:score", "direction": "maximize"}]),
        "include": broken(data, include_path="nowhere"),
        "statistics": broken(data, merge_method="fisher", models=[{"model": "red"}], parameters={}),
        "adapter": broken(data, models=[{**models[0], "model": "base+red"}, models[1]]),
        "until": broken(data, search={"until": 420}),
        "hook": broken(data, search={"on_finish": "mail me"}),
        "sampler": broken(data, search={"sampler": "atuo"}),
    }
    for name, space in cases.items():
        file = folder / f"{name.replace(' ', '-')}.yaml"
        file.write_text(yaml.safe_dump(space))
        words = ["search", str(file), "--run-dir", str(folder / "run"), "--device", "cpu"]
        yield name, [*words, "--dry-run"]
    fine = str(made_family / "space.yaml")
    yield "too many items", ["check", "--strict", _many(folder, data), "--device", "cpu"]
    yield "no run", ["front", str(folder)]
    yield "score what", ["evaluate", str(folder / "red")]
    yield "no CUDA", ["search", fine, "--device", "cuda:7", "--dry-run"]


def _many(folder: Path, data: dict[str, object]) -> str:
    file = folder / "many.yaml"
    asked = [{"task": "echo", "search_items": 5000, "test_items": 10}]
    file.write_text(yaml.safe_dump(broken(data, objectives=asked)))
    return str(file)


def test_what_a_beginner_does_wrong_is_explained(
    made_family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = [re.escape(t).replace("…", ".*") for t in titles()]
    for name, words in provoked(made_family, tmp_path):
        assert run(words) == 2, name
        error = " ".join(capsys.readouterr().err.replace("`", "").split())
        assert any(re.search(each, error) for each in known), f"{name}: {error}"
