"""The dashboard's page in a shown, with real clicks, on made-up runs."""

from collections.abc import Iterator

import pytest
from dashboard_browser import Page, missing

if reason := missing():
    pytest.skip(reason, allow_module_level=True)

from dashboard_mock import Mock, mock
from dashboard_synthetic import NASTY, Synthetic

pytestmark = pytest.mark.slow

VIEWS = ("front", "progress", "parameters", "choose", "compare")


@pytest.fixture(scope="module")
def server() -> Iterator[Mock]:
    with mock(
        Synthetic("r0", "math-code-ja", 40, 3, running=True, tested=True),
        Synthetic("r1", "two objectives", 40, 2, seed=1),
        Synthetic("r2", "large", 2000, 6, seed=2),
        Synthetic("r3", "all-failed", 9, 3, all_failed=True),
        Synthetic("r4", "empty", 0, 3, running=True),
        Synthetic("r5", "one objective", 30, 1, seed=3),
        Synthetic("r6", "another seed", 60, 3, seed=5),
    ) as made:
        yield made


def test_a_click_shows_the_trial_and_the_address_brings_it_back(shown: Page, server: Mock) -> None:
    run = server.runs["r0"]
    member = run.front()[0]["name"]
    shown.open("run=r0")
    shown.press(*shown.at(member))
    shown.until(
        "return document.querySelector('#recipe')?.textContent === arguments[0]",
        run.one(member)["exported"],
    )  # type: ignore[index]
    assert f"trial={member}" in shown.driver.current_url
    shown.driver.refresh()
    shown.until(
        "return document.querySelector('#recipe')?.textContent === arguments[0]",
        run.one(member)["exported"],
    )  # type: ignore[index]
    assert shown.text("#detail h2") == f"trial {member}"
    shown.shot("detail")


def test_hovering_tells_the_numbers_with_their_errors(shown: Page, server: Mock) -> None:
    shown.open("run=r1")
    row = server.runs["r1"].front()[0]
    shown.hover(*shown.at(row["name"]))
    shown.until("return !document.getElementById('tip').hidden")
    assert f"{row['scores']['gsm8k']:.3f} ± 0.013" in shown.text("#tip")


def test_the_recipe_is_downloaded_as_it_is_exported(shown: Page, server: Mock) -> None:
    shown.open("run=r0&trial=3")
    shown.click("#download")
    file = shown.downloads / "trial-3.yaml"
    shown.until("return true")
    for _ in range(100):
        if file.exists():
            break
        shown.driver.implicitly_wait(0)
        shown.driver.execute_async_script("setTimeout(arguments[0], 50)")
    assert file.read_text() == server.runs["r0"].one("3")["exported"]  # type: ignore[index]


def test_new_trials_come_in_and_selection_zoom_and_scroll_stay(shown: Page, server: Mock) -> None:
    run = server.runs["r0"]
    run.shown = 30
    try:
        shown.open("run=r0&trial=3", height=600)
        shown.drawn()
        left, top, wide, high = shown.run(
            "const b = document.querySelector('#front-plot .nsewdrag').getBoundingClientRect(); return [b.left, b.top, b.width, b.height].map(Math.round)"
        )
        ranges = "const { x, y } = document.getElementById('front-plot').frame; return [x.range, y.range]"
        whole = shown.run(ranges)
        shown.press(left + wide // 3, top + high // 4, (left + wide // 2, top + high // 2))
        zoomed = shown.run(ranges)
        for (low, most), (first, last) in zip(whole, zoomed, strict=True):
            assert low < first < last < most
        shown.run("scrollTo(0, 120)")
        points = "return document.getElementById('front-plot').data.reduce((n, t) => n + (t.customdata?.length ?? 0), 0)"
        before = shown.run(points)
        run.shown = 40
        shown.until("return document.getElementById('tiles').textContent.includes('40 of')")
        shown.until(f"return (() => {{ {points} }})() > {before}")
        assert shown.run(ranges) == zoomed
        assert shown.run("return scrollY") == 120
        assert shown.text("#detail h2") == "trial 3"
    finally:
        run.shown = 40


def test_brushing_an_axis_dims_the_front(shown: Page, server: Mock) -> None:
    shown.open("run=r0&view=parameters")
    shown.drawn()
    shown.until("return !!document.querySelector('[data-axis=\"p:math.weight\"]')")
    box = shown.run(
        "const hit = document.querySelector('[data-axis=\"p:math.weight\"]'); hit.scrollIntoView({block: 'center'});"
        "const b = hit.getBoundingClientRect(); return [b.left + b.width / 2, b.top, b.height]"
    )
    x, top, high = (round(each) for each in box)
    shown.press(x, top + 4, (x, top + high // 2))
    shown.until("return document.getElementById('kept').textContent.includes('lie in')")
    low, most = shown.run(
        "return JSON.parse(new URLSearchParams(location.hash.slice(1)).get('brush'))['p:math.weight']"
    )
    rows = [
        r
        for r in server.runs["r0"].rows[:40]
        if r["scores"] and low <= r["params"]["math.weight"] <= most
    ]
    assert 0 < len(rows) < 40
    assert shown.text("#kept").startswith(f"{len(rows)} trials")
    lit = shown.until("return document.getElementById('front-plot').data[5].selectedpoints?.length")
    front = {r["name"] for r in server.runs["r0"].front()}
    assert lit == sum(r["name"] in front for r in rows)
    shown.shot("parameters")
    shown.click('[data-key="unbrush"]')
    shown.until("return !document.getElementById('kept').textContent.includes('lie in')")


def test_sliders_move_the_choice(shown: Page, server: Mock) -> None:
    from selenium.webdriver.common.keys import Keys

    run = server.runs["r0"]
    shown.open("run=r0&view=choose")
    shown.until("return document.querySelector('#choice strong')?.textContent.startsWith('trial')")
    for name, key in (("gsm8k", Keys.END), ("humaneval", Keys.HOME), ("jcommonsenseqa", Keys.HOME)):
        shown.find(f'[data-key="slide:weight:{name}"]').send_keys(key)
    best = max(run.front(), key=lambda m: m["scores"]["gsm8k"])["name"]
    shown.until(
        "return document.querySelector('#choice strong')?.textContent === arguments[0]",
        f"trial {best}",
    )
    x, y = shown.run(
        "const ring = document.querySelector('[data-ring=chosen]').dataset; return [Number(ring.x), Number(ring.y)]"
    )
    assert (x, y) == (
        run.rows[int(best)]["scores"]["gsm8k"],
        run.rows[int(best)]["scores"]["humaneval"],
    )
    shown.find('[data-key="slide:limit:humaneval"]').send_keys(Keys.END)
    shown.until(
        "return document.querySelector('#choice strong')?.textContent !== arguments[0]",
        f"trial {best}",
    )
    shown.driver.refresh()
    shown.until("return document.querySelector('[data-key=\"slide:weight:gsm8k\"]')?.value === '1'")


def test_two_runs_are_compared_and_others_cannot_be(shown: Page, server: Mock) -> None:
    shown.open("run=r0&view=compare&runs=r0,r6")
    shown.until(
        "return document.querySelectorAll('#compare-front .scatterlayer .trace').length === 2"
    )
    shown.until(
        "return document.querySelectorAll('#compare-volume .scatterlayer .trace').length === 2"
    )
    shown.click('[data-key="compare:r1"]')
    shown.until(
        "return document.getElementById('compare-trouble').textContent.includes('different objectives')"
    )


def test_two_trials_and_their_items_are_set_against_each_other(shown: Page, server: Mock) -> None:
    shown.open("run=r0&trial=3&pin=4")
    shown.until("return document.querySelector('.diff .minus')?.textContent.startsWith('-weight')")
    shown.click('[data-key="summary:Items won and lost"]')
    shown.until("return document.querySelectorAll('.items li').length === 20")
    won = server.runs["r0"].items("3", "gsm8k", "won", 0)["won"]
    assert f"won {won}" in shown.text("#counts")
    assert NASTY in shown.text(".items li pre")


def test_nothing_of_a_run_is_taken_as_markup(shown: Page, server: Mock) -> None:
    shown.open("run=r3&view=progress")
    shown.until("return document.body.textContent.includes('onerror=')")
    shown.open("run=r3&trial=1")
    shown.until("return document.getElementById('detail').textContent.includes('onerror=')")
    assert shown.run("return document.querySelectorAll('img, b b, script:not([src])').length") == 0
    assert shown.driver.title == "all-failed · optimerge"


def test_the_arrow_keys_walk_along_the_front(shown: Page, server: Mock) -> None:
    from selenium.webdriver.common.keys import Keys

    shown.open("run=r0")
    shown.drawn()
    along = [
        r["name"] for r in sorted(server.runs["r0"].front(), key=lambda r: r["scores"]["gsm8k"])
    ]
    plot = shown.find("#front-plot")
    plot.send_keys(Keys.ARROW_RIGHT)
    shown.until(
        "return document.querySelector('#detail h2')?.textContent === arguments[0]",
        f"trial {along[0]}",
    )
    plot.send_keys(Keys.ARROW_RIGHT)
    shown.until(
        "return document.querySelector('#detail h2')?.textContent === arguments[0]",
        f"trial {along[1]}",
    )
    plot.send_keys(Keys.ESCAPE)
    shown.until("return document.getElementById('detail').hidden")


def test_runs_of_every_kind_make_sense(shown: Page) -> None:
    shown.open("run=r4")
    shown.until(
        "return document.getElementById('front-empty').textContent.includes('No trial has ended yet')"
    )
    shown.open("run=r5")
    shown.drawn()
    assert shown.run("return document.querySelector('#front-plot .xtitle').textContent") == "trial"
    shown.open("run=r2&kind=matrix")
    shown.until("return document.querySelectorAll('#front-matrix button').length === 15")
    shown.click('[data-key="mini:gsm8k ↑:drift ↓"]')
    shown.drawn()
    assert (
        shown.run("return document.querySelector('#front-plot .ytitle').textContent") == "drift ↓"
    )
    shown.shot("large")


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_sticks_out_on_a_phone(shown: Page, view: str) -> None:
    shown.open(f"run=r0&view={view}&trial=3", width=400, height=800)
    shown.until(
        "return document.querySelector('#recipe') && document.querySelector('#view').children.length"
    )
    assert shown.run("return document.documentElement.scrollWidth") <= 400
    shown.shot(f"phone-{view}")


def test_a_run_that_cannot_be_read_is_said_and_comes_back(shown: Page, server: Mock) -> None:
    shown.open("run=r0")
    shown.drawn()
    server.broken = "the storage of run math-code-ja is gone"
    try:
        shown.until("return document.getElementById('trouble').textContent.includes('is gone')")
        assert shown.run("return !document.getElementById('front-plot').hidden")
    finally:
        server.broken = ""
    shown.until("return document.getElementById('trouble').hidden")
    said = shown.complaints()
    assert said
    assert all("503" in each for each in said)
