"""Every file of search_spaces/: its points are recipes, and it says of itself what a check says."""

import re
import socket
from pathlib import Path

import pytest

from optimerge.cli.checking_offline import rough
from optimerge.cli.main import run
from optimerge.cli.quiet import quiet
from optimerge.merge.free import size
from optimerge.recipe.check import check_recipe
from optimerge.search.offline.check import Offline, check_offline
from optimerge.search.offline.work import planned_trials
from optimerge.space.read import read_space

FOLDER = Path(__file__).parents[2] / "search_spaces"
FILES = sorted(FOLDER.glob("*.yaml"))
each_file = pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)


@pytest.fixture(scope="module")
def checked() -> dict[Path, Offline]:
    """Every file's offline check, without a network."""

    def nobody(*_: object, **__: object) -> None:
        raise AssertionError("an offline check asks nobody")

    with pytest.MonkeyPatch.context() as patch, quiet(studies=False):
        patch.delenv("HF_HUB_OFFLINE", raising=False)
        patch.setattr(socket.socket, "connect", nobody)
        patch.setattr(socket, "getaddrinfo", nobody)
        return {file: check_offline(read_space(file)) for file in FILES}


@each_file
def test_an_example_reads_and_its_points_are_recipes(file: Path) -> None:
    space = read_space(file)
    assert space.dimensions
    for method in space.methods:
        point = {d.name: d.range.ends[-1] for d in space.active(method)}
        recipe = space.with_values({**point, "merge_method": method}, layers=32)
        check_recipe(recipe, str(file))
        assert recipe.merge_method == method


@each_file
def test_an_example_says_what_memory_and_time_it_takes(
    file: Path, checked: dict[Path, Offline]
) -> None:
    found, space = checked[file], read_space(file)
    assert found.memory is not None
    assert found.seconds is not None
    trials = planned_trials(space)
    assert trials is not None
    head = file.read_text().partition("\nmerge_method")[0]
    assert f"about {size(found.memory.beside)} of weights" in head
    assert f"or {size(found.memory.resident)} there" in head
    assert f"{rough(found.seconds)} a candidate" in head
    assert f"{rough(found.seconds * trials)} for {trials} trials" in head
    assert "# Estimates of `optimerge check --offline`" in head
    cell = f"{found.memory.beside / 2**30:.0f} GiB, {rough(found.seconds * trials)}"
    rows = [r for r in (FOLDER / "README.md").read_text().splitlines() if f"({file.name})" in r]
    assert len(rows) == 1
    assert cell.replace("about ", "") in rows[0] or file.name == "example.yaml"


@each_file
def test_an_example_says_what_it_is_for_and_where_its_schema_is(file: Path) -> None:
    first, second, *_ = file.read_text().splitlines()
    assert first == "# yaml-language-server: $schema=schema.json"
    assert re.match(r"# [A-Z].{30}", second)
    assert f"[{file.name}]({file.name})" in (FOLDER / "README.md").read_text()


@each_file
def test_every_task_of_an_example_has_the_metric_that_it_asks_for(
    file: Path, checked: dict[Path, Offline]
) -> None:
    for outline in checked[file].tasks.values():
        assert outline.metric is not None
        assert outline.spec.metric in (None, outline.metric.name, str(outline.metric))


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("mm-mo.yaml", "task: ceval-valid", "task: ceval-vaild", "did you mean 'ceval-valid'?"),
        ("mm-mo.yaml", "density: {low: 0.05", "densty: {low: 0.05", "did you mean 'density'?"),
        ("slerp.yaml", "  t: {low: 0", "  t: {low: 2", "low 2 is above high 1"),
        ("llama-3.1-8b.yaml", "metric: acc_norm", "metric: accuracy", "no metric 'accuracy'"),
        ("lora.yaml", "drift: prompts.txt", "drift: prompt.txt", "no such file"),
        ("lora.yaml", "+predibase/gsm8k", "+predibase/gsm8k+two", "one LoRA adapter"),
        ("layer_map.yaml", "choices: [HuggingFaceH4", "choice: [HuggingFaceH4", "model"),
        ("qwen3-4b.yaml", "sampler: auto", "sampler: atuo", "did you mean 'auto'?"),
    ],
)
def test_a_fault_in_a_copy_of_an_example_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, old: str, new: str, words: str
) -> None:
    text = (FOLDER / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new))
    (tmp_path / "prompts.txt").write_text((FOLDER / "prompts.txt").read_text())
    assert run(["check", "--offline", str(tmp_path / name)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert words in said.err


def test_there_are_examples() -> None:
    assert len(FILES) >= 10
