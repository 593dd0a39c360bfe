"""The README's first screen: its numbers are those that were measured, its picture is there."""

import re

import pytest
from doc_blocks import ROOT, blocks_of, slugs

README = (ROOT / "README.md").read_text()
BENCHMARKS = (ROOT / "docs" / "benchmarks.md").read_text()
RESULTS = (ROOT / "docs" / "benchmarks" / "search-results.md").read_text()
BUDGETS = ("30", "60", "100")
ROWS = {
    "optimerge": "auto@shared",
    "mergekit-evolve": "mergekit_evolve@native",
    "mergekit-evolve's CMA-ES, with our start": "mergekit_evolve@shared",
    "mergenetic": "mergenetic@native",
    "MM-MO as released (its own budget is 30)": "mmmo_as_released@native",
    "MM-MO, its faults mended (`--sampler mmmo`)": "mmmo@shared",
    "Optuna's TPE (multivariate), with our start": "optuna_tpe_multivariate@shared",
    "random": "random@native",
}
"""A row of the README -> the sampler's name in the results."""


def rows(text: str) -> list[list[str]]:
    """The cells of a page's tables, without emphasis."""
    lines = [line for line in text.splitlines() if re.match(r"\|.*[^-:| ]", line)]
    return [[c.strip().strip("*") for c in line.strip("|").split("|")] for line in lines]


def measured(group: str) -> dict[str, dict[str, float]]:
    """Mean gains on test items of a group of surfaces, by sampler and budget."""
    table = RESULTS.partition("## Gain on test items, by budget")[2]
    table = table.partition(f"\n### {group}\n")[2].partition("\n#")[0]
    head, *found = rows(table)
    return {
        name: {b: float(c.split()[0]) for b, c in zip(head[1:], cells, strict=True) if b in BUDGETS and c}
        for name, *cells in found
    }  # fmt: skip


def differences(cell: str, gains: dict[str, float]) -> list[str]:
    """What is wrong with three gains as a table shows them."""
    shown = [part.strip() for part in cell.split("/")]
    wrong = []
    for budget, text in zip(BUDGETS, shown, strict=True):
        known = gains.get(budget)
        if (text == "–") != (known is None) or (
            known is not None and abs(float(text) - known) > 0.0051
        ):
            wrong.append(f"{text} after {budget}, measured {known}")
    return wrong


@pytest.mark.parametrize("name", ROWS)
def test_hypervolumes_of_the_table_are_those_of_the_results(name: str) -> None:
    [cells] = [row for row in rows(README) if row[0] == name]
    for group, cell in zip(("default zoo", "hard zoo"), cells[2:], strict=True):
        assert not differences(cell, measured(group)[ROWS[name]])


def test_a_wrong_number_would_be_seen() -> None:
    gains = {"30": 0.533, "60": 0.675}
    assert not differences("0.53 / 0.68 / –", gains)
    assert differences("0.54 / 0.68 / –", gains)
    assert differences("0.53 / 0.68 / 0.76", gains)


def test_the_page_of_benchmarks_shows_the_same() -> None:
    names = {name.partition("@")[0]: name for name in ("auto@shared", "mmmo@shared")}
    checked = 0
    for name, *cells in rows(BENCHMARKS):
        sampler = names.get(name, name)
        if sampler in measured("default zoo") and len(cells) == 2:
            checked += 1
            for group, cell in zip(("default zoo", "hard zoo"), cells, strict=True):
                assert not differences(cell, measured(group)[sampler])
    assert checked == 8


def test_gains_in_the_guide_are_those_of_the_results() -> None:
    text = " ".join((ROOT / "docs/guide/searching.md").read_text().split())
    found = re.findall(r"0\.\d\d / 0\.\d\d / 0\.\d\d", text)
    both = ("auto@shared", "optuna_gp@shared")
    shown = {"default zoo": (*both, "optuna_gp@native"), "B8": both}
    known = [measured(group)[name] for group, names in shown.items() for name in names]
    assert len(found) == len(known)
    assert not any(differences(*pair) for pair in zip(found, known, strict=True))


def test_seconds_of_a_candidate_are_those_of_the_page_of_benchmarks() -> None:
    section = BENCHMARKS.partition("## What a candidate costs")[2].partition("\n## ")[0]
    seconds = {cells[0]: cells[1] for cells in rows(section)[1:]}
    shown = {row[0]: row[1] for row in rows(README) if row[0] in ROWS}
    assert shown["optimerge"] == seconds["`optimerge search` (auto)"]
    assert shown["random"] == seconds["`optimerge search --sampler random`"]
    disk, memory = (
        seconds["mergekit-evolve on disk; mergenetic"],
        seconds["mergekit-evolve --in-memory"],
    )
    assert shown["mergekit-evolve"] == f"{disk} on disk, {memory} in memory"
    assert shown["mergenetic"] == disk
    assert shown["MM-MO as released (its own budget is 30)"] == seconds["MM-MO as released"]


def test_ratios_of_the_text_are_those_of_the_page_of_benchmarks() -> None:
    merging = BENCHMARKS.partition("\n## Merging")[2].partition("\n## ")[0]
    ratios = {row[0]: row[1] for row in rows(merging)[1:]}
    assert f"{ratios['linear']} (linear) to {ratios['ties']} (ties)" in README
    [scores] = rows(BENCHMARKS.partition("\n## Scoring")[2].partition("\n## ")[0])[1:]
    assert f"{float(scores[-1]) / float(scores[1]):.1f} times (`benchmarks/scoring.py`)" in README


def test_the_first_screen_is_short_and_shows_what_it_should() -> None:
    assert len(README.splitlines()) <= 160
    first = README.splitlines()[:12]
    assert any("docs/pictures/front.png" in line for line in first)
    assert "badge" not in README
    [space] = [b for b in blocks_of(README, "README.md") if b.kind == "yaml"]
    assert len(space.text.strip().splitlines()) <= 11  # ten, and the name of the file
    assert {"beside-the-others", "what-needs-a-gpu"} <= slugs(README)


def test_every_benchmark_has_its_place_on_the_page() -> None:
    scripts = {file.name for file in (ROOT / "benchmarks").glob("*.py")}
    assert {name for name in scripts if f"benchmarks/{name}" not in BENCHMARKS} == set()


@pytest.mark.slow
def test_the_demo_ends_as_the_readme_shows(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """Word for word but for numbers: models trained on another processor give others."""
    from optimerge.cli.main import run

    assert run(["demo", "--run-dir", str(tmp_path_factory.mktemp("runs") / "demo")]) == 0
    printed = capsys.readouterr().out
    [block] = [b for b in blocks_of(README, "README.md") if b.how == "output"]
    for line in block.text.splitlines():
        if "±" not in line and line.strip() and "recipe:" not in line:
            words = [re.escape(word) for word in re.split(r"[\d.,]+", line)]
            pattern = r"[\d.,]*".join(words).replace(r"\ ", r"\s*")
            assert re.search(pattern, printed) or line.startswith("Stopped early"), line
