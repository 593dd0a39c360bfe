"""The page about a run: it says what the run holds, stands by itself, and runs nothing."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_cases import SPACE, made

from optimerge.api.run import load_run
from optimerge.cli.main import run as command
from optimerge.errors import RunError
from optimerge.report.contents import gather
from optimerge.report.page import page
from optimerge.report.text import score_text


class Seen(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "action", "data", "srcset"):
                self.links.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "mine"
    made(folder)
    return folder


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return page(gather(load_run(folder).records)).decode()


def test_nothing_is_asked_for_and_nothing_runs(html: str) -> None:
    seen = Seen(html)
    assert "script" not in seen.tags
    assert not seen.handlers
    assert seen.links
    assert all(link.startswith("data:image/svg+xml;base64,") for link in seen.links)
    assert "default-src 'none'" in html
    for link in seen.links:  # no picture reaches out either
        svg = base64.b64decode(link.partition(",")[2]).decode()
        reached = re.findall(r'(?:href|src)\s*=\s*"([^"]*)"', svg)
        assert all(each.startswith(("#", "data:image/png;base64,")) for each in reached)
        assert "<script" not in svg


def test_text_of_the_run_is_no_markup(html: str) -> None:
    assert "<script>alert" not in html
    assert "<script>alert(1)</script> & out of memory" in Seen(html).text  # as text


def test_it_says_what_the_run_holds(folder: Path, html: str) -> None:
    run = load_run(folder)
    text = " ".join(Seen(html).text.split())
    choice = run.choose()
    assert choice.reason in text
    assert "30 complete, 2 failed" in text  # two parents and 28 of 30 trials
    for member in run.front().members:
        for score in member.scores.values():
            assert score_text(score) in text
    assert f"{run.history().hypervolume[-1]:.4f}" in text
    assert "2.13.0" in text
    assert "0" * 32 in text
    assert "merge_method: dare_ties" in text or "merge_method: linear" in text
    assert html.count("data:image/svg+xml") == 6  # front, recipe, history, importance in 3 ways


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(folder: Path, html: str) -> None:
    assert page(gather(load_run(folder).records)).decode() == html


@pytest.mark.slow
def test_the_choice_is_made_as_asked(folder: Path) -> None:
    run = load_run(folder)
    best = run.choose("best:maths").trial
    shown = page(gather(run.records, "best:maths")).decode()
    assert f"The choice: trial {best.name}" in shown
    with pytest.raises(RunError, match="cannot pick"):
        gather(run.records, "nonsense")


@pytest.mark.parametrize(("trials", "failed"), [(0, 0), (3, 3), (4, 0)])
def test_young_and_failed_runs_make_sense(tmp_path: Path, trials: int, failed: int) -> None:
    made(tmp_path / "run", trials, failed=failed)
    text = Seen(page(gather(load_run(tmp_path / "run").records)).decode()).text
    assert "needs 20 complete trials" in text
    assert ("No trial failed." in text) is (failed == 0)


def test_one_objective_is_shown_by_the_order_of_trials(tmp_path: Path) -> None:
    made(tmp_path / "run", 25, objectives=1)
    shown = page(gather(load_run(tmp_path / "run").records)).decode()
    assert "maths ↑" in shown
    assert "code" not in Seen(shown).text.partition("Environment")[0]


def test_the_command_writes_the_page_beside_the_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["report", str(folder)]) == 0
    assert capsys.readouterr().out == f"wrote {folder / 'report.html'}\n"
    assert (folder / "report.html").read_bytes() == page(gather(load_run(folder).records))


@pytest.mark.slow
def test_what_cannot_be_written_or_chosen_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["report", str(folder), "-o", "/dev/null/r.html"]) == 2
    assert command(["report", str(folder), "--pick", "best:physics"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 2
    assert "physics" in err


def test_importance_is_added_up_by_parent_and_by_layer(folder: Path) -> None:
    contents = gather(load_run(folder).records)
    maths = contents.parts["maths"]
    assert maths.by_model[0][0] == "red-7b"  # its first layers alone decide the score
    assert {name for name, _ in maths.by_model} == {"red-7b", "blue-7b", "merge method"}
    known = sum(w.share for w in contents.importances["maths"].weights)
    assert sum(share for _, share in maths.by_model) == pytest.approx(known)
    assert len(maths.by_layer) == 6
    assert min(maths.by_layer[:2]) > max(maths.by_layer[2:])


def test_without_layer_groups_there_is_nothing_to_say_of_layers(tmp_path: Path) -> None:
    run = made(tmp_path / "run", 25, space=SPACE.replace(", layer_groups: 3", ""))
    assert gather(run).parts["maths"].by_layer == ()
