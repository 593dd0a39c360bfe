"""What the page makes of numbers, names, tests and layers, in a browser, on made-up runs."""

import re
from collections.abc import Iterator

import pytest
from dashboard_browser import Page, missing, page

if reason := missing():
    pytest.skip(reason, allow_module_level=True)

from dashboard_mock import Mock, mock
from dashboard_synthetic import NASTY, Synthetic
from dashboard_tested import verdict

pytestmark = pytest.mark.slow

BOXES = """return [...document.querySelectorAll(arguments[0])].map(each => {
    const box = each.getBoundingClientRect(); return [box.left, box.top, box.right, box.bottom]; })"""
TEXTS = "return [...document.querySelectorAll(arguments[0])].map(each => each.textContent)"


@pytest.fixture(scope="module")
def server() -> Iterator[Mock]:
    with mock(
        Synthetic("r0", "math-code-ja", 40, 3, running=True, tested=True),
        Synthetic("r1", "untested", 30, 2, seed=1),
        Synthetic("r2", "long names", 60, 3, seed=6, tested=True, long=True),
        Synthetic("r3", "large", 2000, 6, seed=2),
    ) as made:
        yield made


@pytest.fixture(scope="module")
def opened(server: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with page(server.url, tmp_path_factory.mktemp("dashboard")) as made:
        yield made


@pytest.fixture
def browser(opened: Page) -> Iterator[Page]:
    opened.complaints()
    yield opened
    assert opened.complaints() == []


def column(browser: Page, table: str, number: int) -> list[str]:
    found: list[str] = browser.run(TEXTS, f"{table} tbody td:nth-child({number})")
    return found


def test_every_column_of_the_front_has_one_number_of_decimals(browser: Page) -> None:
    browser.open("run=r3")
    browser.until("return document.querySelectorAll('#fronttable tbody tr').length === 100")
    heads = browser.run(TEXTS, "#fronttable th")
    assert len(heads) == 9
    for number in range(2, 9):
        shown = column(browser, "#fronttable", number)
        assert len({len(each.split(" ")[0].partition(".")[2]) for each in shown}) == 1, shown[:5]
        assert len({" ± " in each for each in shown}) == 1
    assert re.fullmatch(r"0\.\d{3} ± 0\.013", column(browser, "#fronttable", 2)[0])


def test_a_head_sorts_the_whole_front_by_mouse_and_by_keyboard(browser: Page, server: Mock) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open("run=r3")
    browser.until("return document.querySelectorAll('#fronttable tbody tr').length === 100")
    front = server.runs["r3"].front()
    least = sorted(front, key=lambda row: row["scores"]["sparsity"])
    browser.click('[data-key="sort:fronttable:sparsity ↓"]')
    browser.until("return document.querySelector('th:nth-child(5)').ariaSort === 'ascending'")
    sparsity = {row["name"]: row["scores"]["sparsity"] for row in front}
    assert [sparsity[each] for each in column(browser, "#fronttable", 1)] == [
        row["scores"]["sparsity"] for row in least[:100]
    ]
    browser.find('[data-key="sort:fronttable:sparsity ↓"]').send_keys(Keys.ENTER)
    browser.until("return document.querySelector('th:nth-child(5)').ariaSort === 'descending'")
    assert column(browser, "#fronttable", 1)[0] == least[-1]["name"]
    assert browser.run("return document.activeElement.dataset.key").startswith("sort:")


def test_a_tested_run_says_what_the_test_found(browser: Page, server: Mock) -> None:
    browser.open("run=r0")
    browser.until("return !!document.getElementById('headline')")
    assert NASTY in browser.text("#headline")
    found = verdict(server.runs["r0"])
    best = max(found["models"], key=lambda m: sum(m["test"][t]["value"] for t in found["tasks"]))
    mean = sum(best["test"][t]["value"] for t in found["tasks"]) / 3
    row = browser.run(TEXTS, "#tested tbody tr:first-child td")
    assert row[0].split()[0] == best["name"]
    assert row[1].startswith(f"{mean:.3f} [{mean - 1.96 * 0.01 / 3**0.5:.3f}, ")
    assert row[4] == "▲ <0.001"
    said = browser.text("#tested .notes")
    assert "is flattered" in said
    assert "looked at 2 times" in said
    assert "slerp was not tested" in said
    browser.click(f'#tested [data-key="row:{best["name"]}"]')
    browser.until(
        "return document.querySelector('#detail h2')?.textContent === arguments[0]",
        f"trial {best['name']}",
    )


def test_a_run_without_a_test_says_what_to_run(browser: Page) -> None:
    browser.open("run=r1")
    browser.until("return !!document.querySelector('.untested')")
    assert "optimerge test runs/r1" in browser.text(".untested code")
    assert browser.text("#tested") == ""


@pytest.mark.parametrize("width", [400, 1280])
def test_names_in_the_picture_do_not_cover_each_other(browser: Page, width: int) -> None:
    browser.open("run=r2", width=width)
    browser.until("return document.querySelectorAll('#front-over text').length")
    assert "7B-base-v0.3" in " ".join(browser.run(TEXTS, "#front-over text"))
    boxes = browser.run(BOXES, "#front-over text")
    assert len(boxes) == 8
    for at, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[at + 1 :]:
            wide = min(right, other[2]) - max(left, other[0])
            high = min(bottom, other[3]) - max(top, other[1])
            assert wide <= 1 or high <= 3, boxes


def test_long_names_are_cut_in_the_middle_and_told_whole(browser: Page, server: Mock) -> None:
    name = server.runs["r2"].parent_names[1]
    browser.open("run=r2", width=400)
    browser.until("return !!document.querySelector('#tested tbody')")
    button = f"#tested [data-name='{name}']"
    assert "…" in browser.text(button)
    assert browser.text(button).endswith("-v0.3")
    assert (
        browser.run("return document.querySelector(arguments[0]).title", f"{button} span") == name
    )
    assert browser.run("return document.documentElement.scrollWidth") <= 400


def test_the_first_column_stays_while_a_table_is_scrolled(browser: Page) -> None:
    browser.open("run=r2", width=400)
    browser.until("return !!document.querySelector('#tested tbody')")
    first = "#tested tbody td:first-child"
    before = browser.run(BOXES, first)[0][0]
    browser.run("document.querySelector('#tested .wide').scrollLeft = 120")
    assert browser.run(BOXES, "#tested tbody td:nth-child(2)")[0][0] < before + 60
    assert browser.run(BOXES, first)[0][0] == before


def test_eighty_layers_of_six_experts_fit(browser: Page) -> None:
    for width in (400, 1600):
        browser.open("run=r2&trial=1", width=width)
        browser.until("return document.querySelectorAll('.heat .cell').length === 2 * 6 * 80")
        inside = "const box = document.querySelector('.heat .wide'); return [box.scrollWidth, box.clientWidth]"
        needed, there = browser.run(inside)
        assert needed <= there
        assert browser.text(".heat-key").count("0.") >= 2
    title = browser.run(
        "return document.querySelector('.heat .cell:nth-child(5) title').textContent"
    )
    assert re.fullmatch(r".*-0, layer 4: weight −?\d\.\d{3}", title)


def test_scores_that_are_not_optimised_are_told(browser: Page, server: Mock) -> None:
    browser.open("run=r0&trial=3")
    browser.until("return !!document.getElementById('others')")
    assert browser.run(TEXTS, "#others tbody tr td:first-child") == ["kl:base ↓", "ifeval ↑"]
    assert "0.0500 ± 0.0020" in browser.text("#others")
    assert "kl:base" not in browser.text(".scores .score")
    browser.hover(*browser.at(server.runs["r0"].front()[0]["name"]))
    browser.until("return !document.getElementById('tip').hidden")
    assert "kl:base" in browser.text("#tip")


def test_progress_names_the_best_merge_and_the_best_parent(browser: Page, server: Mock) -> None:
    run = server.runs["r0"]
    browser.open("run=r0&view=progress")
    card = '[data-objective="gsm8k"]'
    browser.until("return !!document.querySelector(arguments[0])", card)
    done = [r for r in run.rows[:40] if r["state"] == "complete" and r["feasible"]]
    best = max(done, key=lambda row: row["scores"]["gsm8k"])
    assert f"{best['scores']['gsm8k']:.3f} ± 0.013 trial {best['name']}" in browser.text(card)
    assert "best parent 0.580 ± 0.014 math-expert-instruct" in browser.text(card)
    assert browser.run(TEXTS, "#stages .stages > span:nth-child(4n+1)") == [
        *("propose", "wait", "merge", "score", "answer", "metrics", "others")
    ]
    assert "12 ms" in browser.text("#stages")
    assert "tokens a second" in browser.text("#progress-top")
    browser.click('[data-key="best:gsm8k"]')
    browser.until("return !!document.querySelector('#recipe')")
    assert f"trial={best['name']}" in browser.driver.current_url


def test_importance_tells_of_layers(browser: Page) -> None:
    browser.open("run=r0&view=parameters")
    browser.until("return !!document.querySelector('.columns-strip')")
    assert "most: layer 9" in browser.text(".columns-strip")
    assert browser.run("return document.querySelectorAll('.columns-strip').length") == 2


def test_long_prompts_are_folded_and_unfolded(browser: Page) -> None:
    browser.open("run=r0&trial=3")
    browser.click('[data-key="summary:Items won and lost"]')
    browser.until("return !!document.querySelector('.items pre.folded')")
    assert browser.text(".items pre.folded").count("\n") >= 7
    browser.click(".items pre.folded + button")
    assert (
        browser.run("return document.querySelector('.items pre.folded + button').ariaExpanded")
        != "true"
    )
    assert (
        browser.run("return document.querySelector('.items [aria-expanded=true]').textContent")
        == "Fold"
    )


def test_points_of_a_large_front_are_pointed_at_and_selected(browser: Page, server: Mock) -> None:
    browser.open("run=r3")
    browser.until(
        "return !document.getElementById('front-crowd').hidden && document.getElementById('front-plot').data?.length"
    )
    member = max(server.runs["r3"].front(), key=lambda row: row["scores"]["gsm8k"])["name"]
    script = """
    const place = document.getElementById('front-plot'), box = place.getBoundingClientRect(), trace = place.data[5];
    const at = trace.customdata.indexOf(arguments[0]), { x, y, box: { l, t } } = place.frame;
    return [trace.mode, box.left + l + x.at(trace.x[at]), box.top + t + y.at(trace.y[at])]"""
    mode, x, y = browser.run(script, member)
    assert mode == "none"
    browser.press(round(x), round(y))
    browser.until(
        "return document.querySelector('[data-ring=selected]')?.dataset.name === arguments[0]",
        member,
    )
    assert (
        browser.run("return document.querySelectorAll('#front-plot .scatterlayer .point').length")
        < 400
    )


def test_on_a_phone_a_button_leads_to_the_selected_trial(browser: Page) -> None:
    browser.open("run=r2&trial=1", width=400, height=800)
    browser.until("return document.getElementById('jump')?.textContent === 'trial 1 ↓'")
    browser.find("#jump").click()
    browser.until("return document.getElementById('detail').getBoundingClientRect().top < 200")
    browser.until("return document.getElementById('jump').textContent === '↑ front'")
