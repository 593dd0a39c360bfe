"""What the page makes of numbers, names, tests and layers, in a shown, on made-up runs."""

import re
from collections.abc import Iterator

import pytest
from dashboard_browser import Page, missing

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


def column(shown: Page, table: str, number: int) -> list[str]:
    found: list[str] = shown.run(TEXTS, f"{table} tbody td:nth-child({number})")
    return found


def test_every_column_of_the_front_has_one_number_of_decimals(shown: Page) -> None:
    shown.open("run=r3")
    shown.until("return document.querySelectorAll('#fronttable tbody tr').length === 100")
    heads = shown.run(TEXTS, "#fronttable th")
    assert len(heads) == 9
    for number in range(2, 9):
        cells = column(shown, "#fronttable", number)
        assert len({len(each.split(" ")[0].partition(".")[2]) for each in cells}) == 1, cells[:5]
        assert len({" ± " in each for each in cells}) == 1
    assert re.fullmatch(r"0\.\d{3} ± 0\.013", column(shown, "#fronttable", 2)[0])


def test_a_head_sorts_the_whole_front_by_mouse_and_by_keyboard(shown: Page, server: Mock) -> None:
    from selenium.webdriver.common.keys import Keys

    shown.open("run=r3")
    shown.until("return document.querySelectorAll('#fronttable tbody tr').length === 100")
    front = server.runs["r3"].front()
    least = sorted(front, key=lambda row: row["scores"]["sparsity"])
    shown.click('[data-key="sort:fronttable:sparsity ↓"]')
    shown.until("return document.querySelector('th:nth-child(5)').ariaSort === 'ascending'")
    sparsity = {row["name"]: row["scores"]["sparsity"] for row in front}
    assert [sparsity[each] for each in column(shown, "#fronttable", 1)] == [
        row["scores"]["sparsity"] for row in least[:100]
    ]
    shown.find('[data-key="sort:fronttable:sparsity ↓"]').send_keys(Keys.ENTER)
    shown.until("return document.querySelector('th:nth-child(5)').ariaSort === 'descending'")
    assert column(shown, "#fronttable", 1)[0] == least[-1]["name"]
    assert shown.run("return document.activeElement.dataset.key").startswith("sort:")


def test_a_tested_run_says_what_the_test_found(shown: Page, server: Mock) -> None:
    shown.open("run=r0")
    shown.until("return !!document.getElementById('headline')")
    assert NASTY in shown.text("#headline")
    found = verdict(server.runs["r0"])
    best = max(found["models"], key=lambda m: sum(m["test"][t]["value"] for t in found["tasks"]))
    mean = sum(best["test"][t]["value"] for t in found["tasks"]) / 3
    row = shown.run(TEXTS, "#tested tbody tr:first-child td")
    assert row[0].split()[0] == best["name"]
    assert row[1].startswith(f"{mean:.3f} [{mean - 1.96 * 0.01 / 3**0.5:.3f}, ")
    assert row[4] == "▲ <0.001"
    said = shown.text("#tested .notes")
    assert "is flattered" in said
    assert "looked at 2 times" in said
    assert "slerp was not tested" in said
    shown.click(f'#tested [data-key="row:{best["name"]}"]')
    shown.until(
        "return document.querySelector('#detail h2')?.textContent === arguments[0]",
        f"trial {best['name']}",
    )


def test_a_run_without_a_test_says_what_to_run(shown: Page) -> None:
    shown.open("run=r1")
    shown.until("return !!document.querySelector('.untested')")
    assert "optimerge test runs/r1" in shown.text(".untested code")
    assert shown.text("#tested") == ""


@pytest.mark.parametrize("width", [400, 1280])
def test_names_in_the_picture_do_not_cover_each_other(shown: Page, width: int) -> None:
    shown.open("run=r2", width=width)
    shown.until("return document.querySelectorAll('#front-over text').length")
    assert "7B-base-v0.3" in " ".join(shown.run(TEXTS, "#front-over text"))
    boxes = shown.run(BOXES, "#front-over text")
    assert len(boxes) == 8
    for at, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[at + 1 :]:
            wide = min(right, other[2]) - max(left, other[0])
            high = min(bottom, other[3]) - max(top, other[1])
            assert wide <= 1 or high <= 3, boxes


def test_long_names_are_cut_in_the_middle_and_told_whole(shown: Page, server: Mock) -> None:
    name = server.runs["r2"].parent_names[1]
    shown.open("run=r2", width=400)
    shown.until("return !!document.querySelector('#tested tbody')")
    button = f"#tested [data-name='{name}']"
    assert "…" in shown.text(button)
    assert shown.text(button).endswith("-v0.3")
    assert shown.run("return document.querySelector(arguments[0]).title", f"{button} span") == name
    assert shown.run("return document.documentElement.scrollWidth") <= 400


def test_the_first_column_stays_while_a_table_is_scrolled(shown: Page) -> None:
    shown.open("run=r2", width=400)
    shown.until("return !!document.querySelector('#tested tbody')")
    first = "#tested tbody td:first-child"
    before = shown.run(BOXES, first)[0][0]
    shown.run("document.querySelector('#tested .wide').scrollLeft = 120")
    assert shown.run(BOXES, "#tested tbody td:nth-child(2)")[0][0] < before + 60
    assert shown.run(BOXES, first)[0][0] == before


def test_eighty_layers_of_six_experts_fit(shown: Page) -> None:
    for width in (400, 1600):
        shown.open("run=r2&trial=1", width=width)
        shown.until("return document.querySelectorAll('.heat .cell').length === 2 * 6 * 80")
        inside = "const box = document.querySelector('.heat .wide'); return [box.scrollWidth, box.clientWidth]"
        needed, there = shown.run(inside)
        assert needed <= there
        assert shown.text(".heat-key").count("0.") >= 2
    title = shown.run("return document.querySelector('.heat .cell:nth-child(5) title').textContent")
    assert re.fullmatch(r".*-0, layer 4: weight −?\d\.\d{3}", title)


def test_scores_that_are_not_optimised_are_told(shown: Page, server: Mock) -> None:
    shown.open("run=r0&trial=3")
    shown.until("return !!document.getElementById('others')")
    assert shown.run(TEXTS, "#others tbody tr td:first-child") == ["kl:base ↓", "ifeval ↑"]
    assert "0.0500 ± 0.0020" in shown.text("#others")
    assert "kl:base" not in shown.text(".scores .score")
    shown.hover(*shown.at(server.runs["r0"].front()[0]["name"]))
    shown.until("return !document.getElementById('tip').hidden")
    assert "kl:base" in shown.text("#tip")


def test_progress_names_the_best_merge_and_the_best_parent(shown: Page, server: Mock) -> None:
    run = server.runs["r0"]
    shown.open("run=r0&view=progress")
    card = '[data-objective="gsm8k"]'
    shown.until("return !!document.querySelector(arguments[0])", card)
    done = [r for r in run.rows[:40] if r["state"] == "complete" and r["feasible"]]
    best = max(done, key=lambda row: row["scores"]["gsm8k"])
    assert f"{best['scores']['gsm8k']:.3f} ± 0.013 trial {best['name']}" in shown.text(card)
    assert "best parent 0.580 ± 0.014 math-expert-instruct" in shown.text(card)
    assert shown.run(TEXTS, "#stages .stages > span:nth-child(4n+1)") == [
        *("propose", "wait", "merge", "score", "answer", "metrics", "others")
    ]
    assert "12 ms" in shown.text("#stages")
    assert "tokens a second" in shown.text("#progress-top")
    shown.click('[data-key="best:gsm8k"]')
    shown.until("return !!document.querySelector('#recipe')")
    assert f"trial={best['name']}" in shown.driver.current_url


def test_importance_tells_of_layers(shown: Page) -> None:
    shown.open("run=r0&view=parameters")
    shown.until("return !!document.querySelector('.columns-strip')")
    assert "most: layer 9" in shown.text(".columns-strip")
    assert shown.run("return document.querySelectorAll('.columns-strip').length") == 2


def test_long_prompts_are_folded_and_unfolded(shown: Page) -> None:
    shown.open("run=r0&trial=3")
    shown.click('[data-key="summary:Items won and lost"]')
    shown.until("return !!document.querySelector('.items pre.folded')")
    assert shown.text(".items pre.folded").count("\n") >= 7
    shown.click(".items pre.folded + button")
    assert (
        shown.run("return document.querySelector('.items pre.folded + button').ariaExpanded")
        != "true"
    )
    assert (
        shown.run("return document.querySelector('.items [aria-expanded=true]').textContent")
        == "Fold"
    )


def test_points_of_a_large_front_are_pointed_at_and_selected(shown: Page, server: Mock) -> None:
    shown.open("run=r3")
    shown.until(
        "return !document.getElementById('front-crowd').hidden && document.getElementById('front-plot').data?.length"
    )
    member = max(server.runs["r3"].front(), key=lambda row: row["scores"]["gsm8k"])["name"]
    script = """
    const place = document.getElementById('front-plot'), box = place.getBoundingClientRect(), trace = place.data[5];
    const at = trace.customdata.indexOf(arguments[0]), { x, y, box: { l, t } } = place.frame;
    return [trace.mode, box.left + l + x.at(trace.x[at]), box.top + t + y.at(trace.y[at])]"""
    mode, x, y = shown.run(script, member)
    assert mode == "none"
    shown.press(round(x), round(y))
    shown.until(
        "return document.querySelector('[data-ring=selected]')?.dataset.name === arguments[0]",
        member,
    )
    assert (
        shown.run("return document.querySelectorAll('#front-plot .scatterlayer .point').length")
        < 400
    )


def test_on_a_phone_a_button_leads_to_the_selected_trial(shown: Page) -> None:
    shown.open("run=r2&trial=1", width=400, height=800)
    shown.until("return document.getElementById('jump')?.textContent === 'trial 1 ↓'")
    shown.find("#jump").click()
    shown.until("return document.getElementById('detail').getBoundingClientRect().top < 200")
    shown.until("return document.getElementById('jump').textContent === '↑ front'")
