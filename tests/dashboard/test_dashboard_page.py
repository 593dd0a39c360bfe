"""The dashboard's page in a browser, with real clicks, on made-up runs."""

from collections.abc import Iterator

import pytest
from dashboard_browser import Page, missing, page

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


@pytest.fixture(scope="module")
def opened(server: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with page(server.url, tmp_path_factory.mktemp("dashboard")) as made:
        yield made


@pytest.fixture
def browser(opened: Page, server: Mock) -> Iterator[Page]:
    opened.complaints(), opened.requests()
    yield opened
    assert opened.complaints() == []
    assert opened.away() == []


def test_a_click_shows_the_trial_and_the_address_brings_it_back(
    browser: Page, server: Mock
) -> None:
    run = server.runs["r0"]
    member = run.front()[0]["name"]
    browser.open("run=r0")
    browser.press(*browser.at(member))
    browser.until(
        "return document.querySelector('#recipe')?.textContent === arguments[0]",
        run.one(member)["exported"],
    )  # type: ignore[index]
    assert f"trial={member}" in browser.driver.current_url
    browser.driver.refresh()
    browser.until(
        "return document.querySelector('#recipe')?.textContent === arguments[0]",
        run.one(member)["exported"],
    )  # type: ignore[index]
    assert browser.text("#detail h2") == f"trial {member}"
    browser.shot("detail")


def test_hovering_tells_the_numbers_with_their_errors(browser: Page, server: Mock) -> None:
    browser.open("run=r1")
    row = server.runs["r1"].front()[0]
    browser.hover(*browser.at(row["name"]))
    browser.until("return !document.getElementById('tip').hidden")
    assert f"{row['scores']['gsm8k']:.3f} ± 0.013" in browser.text("#tip")


def test_the_recipe_is_downloaded_as_it_is_exported(browser: Page, server: Mock) -> None:
    browser.open("run=r0&trial=3")
    browser.click("#download")
    file = browser.downloads / "trial-3.yaml"
    browser.until("return true")
    for _ in range(100):
        if file.exists():
            break
        browser.driver.implicitly_wait(0)
        browser.driver.execute_async_script("setTimeout(arguments[0], 50)")
    assert file.read_text() == server.runs["r0"].one("3")["exported"]  # type: ignore[index]


def test_new_trials_come_in_and_selection_zoom_and_scroll_stay(browser: Page, server: Mock) -> None:
    run = server.runs["r0"]
    run.shown = 30
    try:
        browser.open("run=r0&trial=3", height=600)
        browser.drawn()
        left, top, wide, high = browser.run(
            "const b = document.querySelector('#front-plot .nsewdrag').getBoundingClientRect(); return [b.left, b.top, b.width, b.height].map(Math.round)"
        )
        ranges = "const { x, y } = document.getElementById('front-plot').frame; return [x.range, y.range]"
        whole = browser.run(ranges)
        browser.press(left + wide // 3, top + high // 4, (left + wide // 2, top + high // 2))
        zoomed = browser.run(ranges)
        for (low, most), (first, last) in zip(whole, zoomed, strict=True):
            assert low < first < last < most
        browser.run("scrollTo(0, 120)")
        points = "return document.getElementById('front-plot').data.reduce((n, t) => n + (t.customdata?.length ?? 0), 0)"
        before = browser.run(points)
        run.shown = 40
        browser.until("return document.getElementById('tiles').textContent.includes('40 of')")
        browser.until(f"return (() => {{ {points} }})() > {before}")
        assert browser.run(ranges) == zoomed
        assert browser.run("return scrollY") == 120
        assert browser.text("#detail h2") == "trial 3"
    finally:
        run.shown = 40


def test_brushing_an_axis_dims_the_front(browser: Page, server: Mock) -> None:
    browser.open("run=r0&view=parameters")
    browser.drawn()
    browser.until("return !!document.querySelector('[data-axis=\"p:math.weight\"]')")
    box = browser.run(
        "const hit = document.querySelector('[data-axis=\"p:math.weight\"]'); hit.scrollIntoView({block: 'center'});"
        "const b = hit.getBoundingClientRect(); return [b.left + b.width / 2, b.top, b.height]"
    )
    x, top, high = (round(each) for each in box)
    browser.press(x, top + 4, (x, top + high // 2))
    browser.until("return document.getElementById('kept').textContent.includes('lie in')")
    low, most = browser.run(
        "return JSON.parse(new URLSearchParams(location.hash.slice(1)).get('brush'))['p:math.weight']"
    )
    rows = [
        r
        for r in server.runs["r0"].rows[:40]
        if r["scores"] and low <= r["params"]["math.weight"] <= most
    ]
    assert 0 < len(rows) < 40
    assert browser.text("#kept").startswith(f"{len(rows)} trials")
    lit = browser.until(
        "return document.getElementById('front-plot').data[5].selectedpoints?.length"
    )
    front = {r["name"] for r in server.runs["r0"].front()}
    assert lit == sum(r["name"] in front for r in rows)
    browser.shot("parameters")
    browser.click('[data-key="unbrush"]')
    browser.until("return !document.getElementById('kept').textContent.includes('lie in')")


def test_sliders_move_the_choice(browser: Page, server: Mock) -> None:
    from selenium.webdriver.common.keys import Keys

    run = server.runs["r0"]
    browser.open("run=r0&view=choose")
    browser.until(
        "return document.querySelector('#choice strong')?.textContent.startsWith('trial')"
    )
    for name, key in (("gsm8k", Keys.END), ("humaneval", Keys.HOME), ("jcommonsenseqa", Keys.HOME)):
        browser.find(f'[data-key="slide:weight:{name}"]').send_keys(key)
    best = max(run.front(), key=lambda m: m["scores"]["gsm8k"])["name"]
    browser.until(
        "return document.querySelector('#choice strong')?.textContent === arguments[0]",
        f"trial {best}",
    )
    x, y = browser.run(
        "const ring = document.querySelector('[data-ring=chosen]').dataset; return [Number(ring.x), Number(ring.y)]"
    )
    assert (x, y) == (
        run.rows[int(best)]["scores"]["gsm8k"],
        run.rows[int(best)]["scores"]["humaneval"],
    )
    browser.find('[data-key="slide:limit:humaneval"]').send_keys(Keys.END)
    browser.until(
        "return document.querySelector('#choice strong')?.textContent !== arguments[0]",
        f"trial {best}",
    )
    browser.driver.refresh()
    browser.until(
        "return document.querySelector('[data-key=\"slide:weight:gsm8k\"]')?.value === '1'"
    )


def test_two_runs_are_compared_and_others_cannot_be(browser: Page, server: Mock) -> None:
    browser.open("run=r0&view=compare&runs=r0,r6")
    browser.until(
        "return document.querySelectorAll('#compare-front .scatterlayer .trace').length === 2"
    )
    browser.until(
        "return document.querySelectorAll('#compare-volume .scatterlayer .trace').length === 2"
    )
    browser.click('[data-key="compare:r1"]')
    browser.until(
        "return document.getElementById('compare-trouble').textContent.includes('different objectives')"
    )


def test_two_trials_and_their_items_are_set_against_each_other(browser: Page, server: Mock) -> None:
    browser.open("run=r0&trial=3&pin=4")
    browser.until(
        "return document.querySelector('.diff .minus')?.textContent.startsWith('-weight')"
    )
    browser.click('[data-key="summary:Items won and lost"]')
    browser.until("return document.querySelectorAll('.items li').length === 20")
    won = server.runs["r0"].items("3", "gsm8k", "won", 0)["won"]
    assert f"won {won}" in browser.text("#counts")
    assert NASTY in browser.text(".items li pre")


def test_nothing_of_a_run_is_taken_as_markup(browser: Page, server: Mock) -> None:
    browser.open("run=r3&view=progress")
    browser.until("return document.body.textContent.includes('onerror=')")
    browser.open("run=r3&trial=1")
    browser.until("return document.getElementById('detail').textContent.includes('onerror=')")
    assert (
        browser.run("return document.querySelectorAll('img, b b, script:not([src])').length") == 0
    )
    assert browser.driver.title == "all-failed · optimerge"


def test_the_arrow_keys_walk_along_the_front(browser: Page, server: Mock) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open("run=r0")
    browser.drawn()
    along = [
        r["name"] for r in sorted(server.runs["r0"].front(), key=lambda r: r["scores"]["gsm8k"])
    ]
    plot = browser.find("#front-plot")
    plot.send_keys(Keys.ARROW_RIGHT)
    browser.until(
        "return document.querySelector('#detail h2')?.textContent === arguments[0]",
        f"trial {along[0]}",
    )
    plot.send_keys(Keys.ARROW_RIGHT)
    browser.until(
        "return document.querySelector('#detail h2')?.textContent === arguments[0]",
        f"trial {along[1]}",
    )
    plot.send_keys(Keys.ESCAPE)
    browser.until("return document.getElementById('detail').hidden")


def test_runs_of_every_kind_make_sense(browser: Page) -> None:
    browser.open("run=r4")
    browser.until(
        "return document.getElementById('front-empty').textContent.includes('No trial has ended yet')"
    )
    browser.open("run=r5")
    browser.drawn()
    assert (
        browser.run("return document.querySelector('#front-plot .xtitle').textContent") == "trial"
    )
    browser.open("run=r2&kind=matrix")
    browser.until("return document.querySelectorAll('#front-matrix button').length === 15")
    browser.click('[data-key="mini:gsm8k ↑:drift ↓"]')
    browser.drawn()
    assert (
        browser.run("return document.querySelector('#front-plot .ytitle').textContent") == "drift ↓"
    )
    browser.shot("large")


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_sticks_out_on_a_phone(browser: Page, view: str) -> None:
    browser.open(f"run=r0&view={view}&trial=3", width=400, height=800)
    browser.until(
        "return document.querySelector('#recipe') && document.querySelector('#view').children.length"
    )
    assert browser.run("return document.documentElement.scrollWidth") <= 400
    browser.shot(f"phone-{view}")


def test_a_run_that_cannot_be_read_is_said_and_comes_back(browser: Page, server: Mock) -> None:
    browser.open("run=r0")
    browser.drawn()
    server.broken = "the storage of run math-code-ja is gone"
    try:
        browser.until("return document.getElementById('trouble').textContent.includes('is gone')")
        assert browser.run("return !document.getElementById('front-plot').hidden")
    finally:
        server.broken = ""
    browser.until("return document.getElementById('trouble').hidden")
    said = browser.complaints()
    assert said
    assert all("503" in each for each in said)
