"""Runs of every kind in a browser: each view opens, and what it says makes sense."""

from collections.abc import Iterator

import pytest
from dashboard_browser import Page, missing

if reason := missing():
    pytest.skip(reason, allow_module_level=True)

from dashboard_kinds import all_failed, empty, single, six
from dashboard_real import Served, served

pytestmark = pytest.mark.slow

KINDS = {"empty": empty, "failed": all_failed, "single": single, "six": six}
SAID = {
    ("empty", "front"): "No trial has ended yet. Points appear here as they are scored.",
    ("empty", "progress"): "It begins with the first trial that is scored.",
    ("empty", "parameters"): "Nothing was tried yet.",
    ("empty", "choose"): "No merge is on the front: there is nothing to choose from.",
    ("failed", "front"): "4 trials have no scores and no place in the picture",
    ("failed", "progress"): "<script>alert(1)</script> & out of memory",
    ("failed", "parameters"): "No trial that was scored differs in its parameters.",
    ("failed", "choose"): "No merge is on the front: there is nothing to choose from.",
    ("single", "front"): "The front: ",
    ("single", "progress"): "Best so far",
    ("single", "parameters"): "needs 20 complete trials",
    (
        "single",
        "choose",
    ): "No merge is on the front: there is nothing to choose from.",  # a parent is the best
    ("six", "front"): "The front: ",
    ("six", "progress"): "Best so far",
    ("six", "parameters"): "needs 20 complete trials",
    ("six", "choose"): "How much each counts",
}
"""What each view of each run is to say, in `main`."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("kinds")
    for name, make in KINDS.items():
        make(folder / name)
    with served(*(folder / name for name in KINDS)) as made:
        yield made


def key(kind: str) -> str:
    return f"r{list(KINDS).index(kind)}"


@pytest.mark.parametrize(("kind", "view"), SAID, ids=str)
def test_every_view_of_every_kind_makes_sense(shown: Page, kind: str, view: str) -> None:
    shown.open(f"run={key(kind)}&view={view}")
    shown.until(
        "return document.getElementById('main').textContent.includes(arguments[0])",
        SAID[kind, view],
    )
    assert shown.run("return document.getElementById('trouble').hidden")
    assert shown.driver.title == f"{kind} · optimerge"
    text = shown.run("return document.body.innerText")
    for word in ("NaN", "undefined", "null", "[object", "Infinity"):
        assert word not in text
    shown.size(400, 800)
    shown.until("return document.documentElement.scrollWidth <= 400")


def test_runs_of_other_objectives_are_listed_and_not_compared(shown: Page) -> None:
    shown.open("run=r2&view=compare")
    shown.until("return document.querySelectorAll('#compare-list tbody tr').length === 4")
    shown.click(f'[data-key="compare:{key("six")}"]')
    shown.until(
        "return document.getElementById('compare-trouble').textContent.includes('cannot be compared')"
    )


def test_a_failed_trial_says_why_and_offers_nothing_to_paste(shown: Page) -> None:
    shown.open(f"run={key('failed')}&trial=1")
    shown.until("return document.getElementById('detail').textContent.includes('out of memory')")
    assert (
        shown.run("return document.querySelectorAll('.command, img, script:not([src])').length")
        == 0
    )
    shown.open(f"run={key('failed')}&trial=999")
    shown.until("return document.querySelector('#detail .bad')?.textContent.includes('999')")
    refused = shown.complaints()
    assert refused
    assert all("trials/999" in each and "404" in each for each in refused)


def test_one_objective_is_drawn_over_the_trials(shown: Page) -> None:
    shown.open(f"run={key('single')}")
    shown.drawn()
    assert shown.text("#front-plot .xtitle") == "trial"
    assert shown.text("#front-plot .ytitle").startswith("maths")
    assert not shown.run("return document.querySelector('[data-key=\"Picture:matrix\"]')")


def test_of_six_objectives_any_two_are_drawn(shown: Page) -> None:
    shown.open(f"run={key('six')}")
    shown.drawn()
    shown.click('[data-key="Picture:matrix"]')
    shown.until("return document.querySelectorAll('#front-matrix button').length === 15")
    shown.click('[data-key="mini:task2 ↑:task5 ↑"]')
    shown.drawn()
    assert shown.text("#front-plot .ytitle") == "task5 ↑"
    assert shown.text("#front-plot .xtitle") == "task2 ↑"
    shown.shot("six-objectives")
