"""Every picture of the documentation says which script makes it, and the scripts are whole."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from doc_blocks import ROOT

sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "runs"))

from front_picture import fill, place_names, two_of
from search_plots import runs

from benchmarks.search import _parser
from optimerge.front.front import make_front
from optimerge.records.types import Score, Trial

SCRIPTS = sorted((ROOT / "runs").glob("*.py"))
PICTURES = sorted(p for p in (ROOT / "docs").rglob("*") if p.suffix in (".png", ".svg"))


def made_by(script: Path) -> list[re.Pattern[str]]:
    """The pictures that a script says it makes, from the first line of its docstring."""
    first = script.read_text().partition("\n")[0]
    found = re.findall(r"docs/[\w/*.-]+\.(?:png|svg)", first)
    return [re.compile(re.escape(each).replace(r"\*", r".*")) for each in found]


def test_every_picture_is_made_by_one_script() -> None:
    assert len(PICTURES) >= 8
    for picture in PICTURES:
        name = picture.relative_to(ROOT).as_posix()
        makers = [s.name for s in SCRIPTS if any(p.fullmatch(name) for p in made_by(s))]
        assert len(makers) == 1, f"{name}: {makers}"


def test_every_script_makes_a_picture_that_is_there() -> None:
    names = [picture.relative_to(ROOT).as_posix() for picture in PICTURES]
    for script in SCRIPTS:
        assert made_by(script)
        assert all(any(p.fullmatch(n) for n in names) for p in made_by(script)), script.name


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_script_says_how_it_is_used(script: Path) -> None:
    words = [sys.executable, str(script), "--help"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_every_script_stands_in_the_readme_of_runs() -> None:
    text = (ROOT / "runs" / "README.md").read_text()
    assert all(f"runs/{script.name}" in text for script in SCRIPTS)


def test_the_plots_ask_the_benchmark_for_what_it_can_do() -> None:
    for words in runs():
        assert _parser().parse_args([*words, "--keep", "x"]).keep == Path("x")


def trial(number: int | None, origin: str, across: float, up: float) -> Trial:
    scores = {
        name: Score(value, 0.02, 50, "maximize", 1.0)
        for name, value in (("maths", across), ("code", up))
    }
    return Trial(number, "complete", origin, {}, "", scores)


def crowded() -> list[Trial]:
    """Parents beside each other, at the edges, and merges round them."""
    parents = [(0.1, 1.0), (0.12, 0.98), (1.0, 0.1), (0.5, 0.5), (0.98, 0.12)]
    found = [trial(None, f"expert:parent-{n}", *at) for n, at in enumerate(parents)]
    found.append(trial(0, "warm:average", 0.8, 0.8))
    return found + [trial(n, "sampler", 0.8 + n / 500, 0.8 - n / 400) for n in range(1, 20)]


def test_names_cover_neither_each_other_nor_the_frame() -> None:
    from matplotlib.figure import Figure

    front = make_front(crowded(), {"maths": "maximize", "code": "maximize"})
    figure = Figure(figsize=(6.9, 4.6), layout="constrained")
    fill(figure, front)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert {"parent-0", "parent-4", "plain average", "knee"} <= {t.get_text() for t in axes.texts}
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:place])
        assert axes.bbox.padded(2).contains(*box.min)
        assert axes.bbox.padded(2).contains(*box.max)


def test_names_that_lie_on_each_other_would_be_seen() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    near = {"one": (0.5, 0.5), "two": (0.5, 0.5)}
    first, second = place_names(axes, near, [(0.5, 0.5)])
    assert not first.get_window_extent().overlaps(second.get_window_extent())


def test_a_run_that_minimises_is_refused() -> None:
    front = make_front([], {"size": "minimize", "code": "maximize"})
    with pytest.raises(SystemExit, match="size, code"):
        two_of(front)
