"""Hands on a picture: zoom, move, all of it again, the pointer, the camera."""

from collections.abc import Iterator

import pytest
from dashboard_browser import Page, missing

if reason := missing():
    pytest.skip(reason, allow_module_level=True)

from dashboard_mock import Mock, mock
from dashboard_synthetic import Synthetic

pytestmark = pytest.mark.slow

RANGES = (
    "const { x, y } = document.getElementById('front-plot').frame; return [...x.range, ...y.range]"
)
BOX = (
    "const b = document.querySelector('#front-plot .nsewdrag').getBoundingClientRect();"
    "return [b.left, b.top, b.width, b.height].map(Math.round)"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Mock]:
    with mock(
        Synthetic("r0", "three objectives", 40, 3), Synthetic("r1", "two objectives", 40, 2, seed=1)
    ) as made:
        yield made


@pytest.fixture
def front(shown: Page) -> Page:
    shown.open("run=r1")
    shown.drawn()
    return shown


def test_a_drag_zooms_and_twice_shows_all_again(front: Page) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    whole = front.run(RANGES)
    left, top, wide, high = front.run(BOX)
    front.press(left + wide // 4, top + high // 4, (left + wide // 2, top + 3 * high // 4))
    low, most, bottom, ceiling = front.run(RANGES)
    span, rise = whole[1] - whole[0], whole[3] - whole[2]
    assert low == pytest.approx(whole[0] + span / 4, abs=0.01 * span)
    assert most == pytest.approx(whole[0] + span / 2, abs=0.01 * span)
    assert bottom == pytest.approx(whole[2] + rise / 4, abs=0.01 * rise)
    assert ceiling == pytest.approx(whole[2] + 3 * rise / 4, abs=0.01 * rise)
    plot = front.find("#front-plot")
    ActionChains(front.driver, duration=20).move_to_element(plot).double_click().perform()
    front.until(f"return JSON.stringify((() => {{ {RANGES} }})()) === arguments[0]".replace(
        "arguments[0]", "JSON.stringify(arguments[0])"), whole)  # fmt: skip


def test_a_drag_moves_the_picture_where_that_is_asked_for(front: Page) -> None:
    whole = front.run(RANGES)
    front.click('[data-key="bar:pan"]')
    left, top, wide, high = front.run(BOX)
    front.press(left + wide // 2, top + high // 2, (left + wide // 4, top + high // 2))
    low, most, bottom, ceiling = front.run(RANGES)
    span = whole[1] - whole[0]
    assert low - whole[0] == pytest.approx(span / 4, abs=0.01 * span)
    assert most - low == pytest.approx(span)
    assert [bottom, ceiling] == pytest.approx(whole[2:])
    front.click('[data-key="bar:reset"]')
    assert front.run(RANGES) == pytest.approx(whole)
    front.click('[data-key="bar:zoom"]')


def test_a_line_tells_its_numbers(front: Page) -> None:
    front.click('[data-key="view:progress"]')
    front.until("return !!document.querySelector('#curve .js-line')")
    front.run("document.getElementById('curve').scrollIntoView({block: 'center'})")
    left, top, wide, high = front.run(BOX.replace("#front-plot", "#curve"))
    front.hover(left + wide // 2, top + high // 2)
    front.until("return !document.getElementById('tip').hidden")
    assert "hypervolume 0." in front.text("#tip")


def test_two_objectives_shade_what_is_dominated(front: Page) -> None:
    shade = "return document.querySelectorAll('#front-plot .js-line[fill]:not([fill=none])').length"
    assert front.run(shade) == 1
    front.open("run=r0")
    front.drawn()
    assert front.run(shade) == 0


def test_the_camera_saves_what_is_seen(front: Page) -> None:
    from PIL import Image

    size = front.run("const p = document.getElementById('front-plot'); return [p.clientWidth, p.clientHeight]")  # fmt: skip
    front.click('[data-key="bar:save"]')
    file = front.downloads / "front-r1.png"
    for _ in range(200):
        if file.exists():
            break
        front.driver.execute_async_script("setTimeout(arguments[0], 50)")
    with Image.open(file) as picture:
        assert picture.size == (2 * size[0], 2 * size[1])
        colours = picture.convert("RGB").getcolors(1 << 24)
    seen = {colour for _, colour in colours or []}
    assert (0, 114, 178) in seen, "the front's blue"
    assert (26, 28, 30) in seen or min(map(sum, seen)) < 150, "names and axes"
