"""The road of the guide, walked as it stands there, on the demo's models."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from doc_blocks import ROOT, Block, blocks_of, commands_in

from optimerge.cli.main import run
from optimerge.zoo.config import DEFAULT
from optimerge.zoo.make import cached_zoo

pytestmark = pytest.mark.slow

GUIDE = ROOT / "docs" / "guide"
NAMES = {"zoo_add": "gsm8k", "zoo_sort": "humaneval", "zoo_shift": "mmlu"}
"""The demo's tasks by the names that the guide's commands use."""
CANNOT = {"dashboard", "stop", "calibrate"}
"""Serves until it is stopped; wants a search beside it; wants models of the Hub."""
PAGES = ("first-merge", "front", "testing", "publishing")


def shell_of(page: str) -> Iterator[list[str]]:
    for block in blocks_of((GUIDE / f"{page}.md").read_text(), page):
        if block.kind == "sh":
            yield from commands_in(block.text)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with mine.yaml on the demo's models, its tasks called as in the guide."""
    folder = tmp_path_factory.mktemp("guide")
    made = cached_zoo(DEFAULT).space.parent
    zoo = Path(shutil.copytree(made, folder / "zoo")) / "space.yaml"  # not trained a second time
    data = yaml.safe_load(zoo.read_text())
    data["base_model"] = str(zoo.parent / "base")
    data["models"] = [{**m, "model": str(zoo.parent / m["model"])} for m in data["models"]]
    data["include_path"] = str(zoo.parent / "tasks")
    data["objectives"] = [
        {**o, "name": NAMES[o["task"]], "search_items": 100, "test_items": 100}
        if "task" in o
        else {**o, "optimize": False}  # else nothing could dominate the base
        for o in data["objectives"]
    ]
    data["search"] = {"seed": 0}
    (folder / "mine.yaml").write_text(yaml.safe_dump(data))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield folder


def walked(words: list[str]) -> list[str]:
    """The command as the test gives it: so many trials instead of until the morning."""
    line = " ".join(words[1:])
    line = line.replace("--until 07:00", "--trials 14").replace("-o recipe.yaml", "-o picked.yaml")
    return line.split()


def test_every_command_of_the_road_does_what_it_should(here: Path) -> None:
    done: list[str] = []
    for page in PAGES:
        for words in shell_of(page):
            asked = walked(words)
            if asked[0] in CANNOT or "--push-to-hub" in asked or " ".join(asked) in done:
                continue
            if asked[0] == "build" and (here / "merged").exists():
                continue  # another page builds the same
            assert run(asked) == 0, f"{page}: {' '.join(words)}"
            done.append(" ".join(asked))
    assert {line.split()[0] for line in done} == {
        "zoo", "check", "search", "status", "front", "test", "export", "build", "evaluate",
        "report", "soup",
    }  # fmt: skip
    assert (here / "merged" / "model.safetensors").is_file()
    assert (here / "runs" / "mine" / "report.html").is_file()
    assert (here / "trials.parquet").is_file()


def python_blocks() -> list[Block]:
    found = [b for page in PAGES for b in blocks_of((GUIDE / f"{page}.md").read_text(), page)]
    return [block for block in found if block.kind == "python"]


def test_python_of_the_guide_runs_on_what_the_road_left(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import optimerge

    uploaded: list[tuple[str, ...]] = []
    monkeypatch.setattr(optimerge, "push_to_hub", lambda *a: uploaded.append(a))
    assert len(python_blocks()) == 3
    for block in python_blocks():
        code = re.sub(r'"merged"\)$', '"built")', block.text, flags=re.MULTILINE)
        exec(compile(code, str(block), "exec"), {})
    assert uploaded == [("merged", "my-org/merged")]
    assert (here / "built" / "README.md").is_file()
    assert "gsm8k" in capsys.readouterr().out or (here / "recipe.yaml").is_file()
