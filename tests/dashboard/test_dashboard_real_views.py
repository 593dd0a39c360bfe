"""Every view of real runs in a browser: brush, sliders, two runs, widths, colours, keyboard."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from dashboard_browser import Page, missing

if reason := missing():
    pytest.skip(reason, allow_module_level=True)

from dashboard_checks import low_contrast, sticking_out, walked
from dashboard_real import Served, as_json, said, served, space_of

from optimerge.cli.main import run as command
from optimerge.records.run import open_run

pytestmark = pytest.mark.slow

VIEWS = {
    "front": "return document.querySelectorAll('#front-plot .scatterlayer .point').length > 5",
    "progress": "return document.querySelectorAll('#curve .scatterlayer .trace').length === 1",
    "parameters": "return /\\d %/.test(document.getElementById('importance')?.textContent ?? '')"
    " || /trials/.test(document.getElementById('importance')?.textContent ?? '')",
    "choose": "return document.querySelector('#choice strong')?.textContent.startsWith('trial')",
    "compare": "return document.querySelectorAll('#compare-volume .scatterlayer .trace').length === 2",
}
"""The views, and what tells that they are drawn."""

STAR = """
const ring = document.querySelector('[data-ring=chosen]')?.dataset;
if (ring) return [Number(ring.x), Number(ring.y)];
return null;"""
"""Where the mark of the choice is."""


@pytest.fixture(scope="module")
def other(made_family: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second run on the same objectives."""
    folder, space = (
        tmp_path_factory.mktemp("other") / "second",
        space_of(made_family, "second.yaml"),
    )
    space.write_text(space.read_text().replace("seed: 0", "seed: 1"))
    assert command(["search", str(space), "--run-dir", str(folder), "--trials", "14"]) == 0
    return folder


@pytest.fixture(scope="module")
def server(real: Path, other: Path) -> Iterator[Served]:
    with served(real, other) as made:
        yield made


def first(real: Path) -> str:
    return str(next(each["name"] for each in as_json("front", real) if not each["parent"]))


def test_brushing_an_axis_dims_what_lies_outside(shown: Page, real: Path) -> None:
    shown.open("run=r0&view=parameters&x=echo&y=loss")
    shown.drawn()
    shown.until("return !!document.querySelector('[data-axis=\"p:red.weight\"]')")
    box = shown.run(
        "const hit = document.querySelector('[data-axis=\"p:red.weight\"]'); hit.scrollIntoView({block: 'center'});"
        "const b = hit.getBoundingClientRect(); return [b.left + b.width / 2, b.top, b.height]"
    )
    x, top, high = map(round, box)
    shown.press(x, top + high // 2, (x, top + high - 2))
    shown.until("return document.getElementById('kept').textContent.includes('lie in')")
    address = shown.run("return new URLSearchParams(location.hash.slice(1)).get('brush')")
    low, most = json.loads(address)["p:red.weight"]
    trials = [t for t in open_run(real).trials() if t.origin == "sampler" or t.name.isdigit()]
    inside = {t.name for t in trials if t.scores and low <= t.params["red.weight"] <= most}
    assert 0 < len(inside) < len(trials)
    assert shown.text("#kept").startswith(f"{len(inside)} trial")
    lit, dimmed = shown.until(
        """const traces = document.getElementById('front-plot').data.filter((t) => t.selectedpoints);
        if (!traces.length) return null;
        const lit = traces.flatMap((t) => t.selectedpoints.map((at) => t.customdata[at]));
        return [lit, traces.flatMap((t) => t.customdata).filter((name) => !lit.includes(name))];"""
    )
    assert {name for name in lit if name.isdigit()} == inside
    assert set(dimmed) == {t.name for t in trials if t.scores} - inside
    faint = """return [...document.querySelectorAll('#front-plot .scatterlayer .point')]
        .filter((point) => Number(getComputedStyle(point).opacity) < 0.1).length"""
    shown.until(f"return (() => {{ {faint} }})() === arguments[0]", len(dimmed))
    shown.click('[data-key="unbrush"]')
    shown.until(f"return (() => {{ {faint} }})() === 0")


def test_the_choice_of_the_sliders_is_that_of_the_command(
    shown: Page, real: Path, tmp_path: Path
) -> None:
    from selenium.webdriver.common.keys import Keys

    chosen = set()
    shown.open("run=r0&view=choose&x=echo&y=loss")
    few = Keys.HOME + 3 * Keys.ARROW_RIGHT
    for way in (
        (Keys.END, Keys.HOME, Keys.HOME),
        (Keys.HOME, Keys.HOME, Keys.END),
        (Keys.END, Keys.END, Keys.ARROW_LEFT),
        (few, Keys.END, few),
    ):
        for name, key in zip(("echo", "loss", "nonzero"), way, strict=True):
            shown.until(
                "return !!document.querySelector(arguments[0])", f'[data-key="slide:weight:{name}"]'
            )
            shown.find(f'[data-key="slide:weight:{name}"]').send_keys(key)
        weights = {
            name: float(
                shown.run(
                    "return document.querySelector(arguments[0]).value",
                    f'[data-key="slide:weight:{name}"]',
                )
            )
            for name in ("echo", "loss", "nonzero")
        }
        pick = "weights:" + ",".join(f"{name}={value}" for name, value in weights.items() if value)
        text = said("export", real, "--pick", pick, "-o", "-")
        name = re.search(r"trial[: ]+(\d+)", text)
        assert name, text[:600]
        shown.until(
            "return document.querySelector('#choice strong')?.textContent === arguments[0]",
            f"trial {name[1]}",
        )
        scores = next(each for each in as_json("front", real) if each["name"] == name[1])["values"]
        shown.until(
            f"return JSON.stringify((() => {{ {STAR} }})()) === arguments[0]",
            json.dumps([scores["echo"], scores["loss"]], separators=(",", ":")),
        )
        chosen.add(name[1])
        sent = shown.requests()
        assert all(each.startswith(shown.url) for each in sent)
        asked = [parse_qs(urlsplit(each).query)["how"][0] for each in sent if "/choose?" in each]
        told = [
            (part.partition("=")[0], float(part.partition("=")[2]))
            for part in asked[-1][8:].split(",")
        ]
        assert dict(told) == {name: value for name, value in weights.items() if value}
    assert len(chosen) > 1


def test_two_runs_are_listed_and_laid_over_each_other(shown: Page, real: Path, other: Path) -> None:
    shown.open("run=r0&view=compare&x=echo&y=loss")
    shown.until(VIEWS["compare"])
    listed = shown.run(
        "return [...document.querySelectorAll('#compare-list tbody tr')].map((e) => [...e.children].map((c) => c.textContent))"
    )
    for row, folder in zip(listed, (real, other), strict=True):
        assert row[1] == folder.name
        assert row[2] == str(len(open_run(folder).trials()))
        assert "echo \u2191, loss \u2193, nonzero \u2193" in row[-1]
    drawn = shown.run(
        "return document.getElementById('compare-front').data.map((t) => t.x.map((x, i) => [x, t.y[i]]))"
    )
    curves = shown.run("return document.getElementById('compare-volume').data.map((t) => t.y)")
    for points, curve, folder in zip(drawn, curves, (real, other), strict=True):
        front = as_json("front", folder)
        assert sorted(points) == sorted([e["values"]["echo"], e["values"]["loss"]] for e in front)
        assert len(curve) == len(open_run(folder).trials())
        assert curve == sorted(curve)
        assert f"hypervolume {curve[-1]:.3f}" in said("front", folder)
    shown.click('[data-key="open:r1"]')
    shown.until("return document.title.startsWith('second')")
    shown.drawn()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("width", [400, 1600])
def test_nothing_sticks_out(shown: Page, real: Path, view: str, width: int) -> None:
    shown.open(f"run=r0&view={view}&trial={first(real)}", width=width)
    shown.until(VIEWS[view])
    shown.until("return !!document.getElementById('recipe')")
    shown.run("for (const each of document.querySelectorAll('details')) each.open = true")
    shown.until("return !!document.querySelector('#counts button')")
    assert sticking_out(shown) == []
    plots = "return [...document.querySelectorAll('.plot')].filter((e) => e.checkVisibility() && e.frame).map((e) => [e.clientWidth, e.frame.width])"
    shown.until(
        f"return (() => {{ {plots} }})().every(([place, drawn]) => Math.abs(place - drawn) <= 1)"
    )
    if width == 400:
        shown.shot(f"phone-{view}")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_all_text_can_be_read(shown: Page, real: Path, view: str, colours: str) -> None:
    shown.scheme(colours)
    shown.open(f"run=r0&view={view}&trial={first(real)}&pin=3")
    shown.until(VIEWS[view])
    shown.until("return !!document.querySelector('.diff')")
    shown.run("for (const each of document.querySelectorAll('details')) each.open = true")
    shown.until("return !!document.querySelector('#counts button')")
    assert low_contrast(shown) == []
    dark = (
        shown.run("return getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    )
    assert dark == (colours == "dark")
    if view in ("front", "progress"):
        shown.shot(f"{view}-{colours}")


@pytest.mark.parametrize("view", VIEWS)
def test_every_control_is_reached_by_tab_and_shows_it(shown: Page, real: Path, view: str) -> None:
    shown.open(f"run=r0&view={view}&trial={first(real)}")
    shown.until(VIEWS[view])
    shown.until("return !!document.getElementById('recipe')")
    shown.until("return new Promise((done) => setTimeout(() => done(true), 2500))")
    left, ringless, hidden = walked(shown)
    assert (left, ringless, hidden) == ([], [], [])


def test_three_dimensions_are_drawn_or_it_is_said_why_not(shown: Page, real: Path) -> None:
    shown.open("run=r0")
    shown.drawn()
    shown.click('[data-key="Picture:3d"]')
    shown.until(
        "return document.getElementById('front-solid').data?.some((t) => t.type === 'scatter3d')"
        " || /WebGL/.test(document.getElementById('front').textContent)"
    )
    if shown.run("return !!document.createElement('canvas').getContext('webgl')"):
        shown.until("return !!document.querySelector('#front-solid canvas')")
        scored = [t for t in open_run(real).trials() if t.scores and t.name.isdigit()]
        names = shown.run(
            "return document.getElementById('front-solid').data.flatMap((t) => t.customdata ?? [])"
        )
        assert {t.name for t in scored} <= set(names)
    else:
        assert (
            shown.run(
                "return document.getElementById('front-solid').textContent + document.getElementById('front').textContent"
            )
            .lower()
            .count("webgl")
        )
    shown.click('[data-key="Picture:matrix"]')
    shown.until("return document.querySelectorAll('#front-matrix button').length === 3")
    shown.until(
        """return [...document.querySelectorAll('#front-matrix canvas')].every((canvas) => canvas.width
        && canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean))"""
    )
    shown.click('[data-key="mini:echo ↑:nonzero ↓"]')
    shown.drawn()
    assert (
        shown.run("return document.querySelector('#front-plot .ytitle').textContent") == "nonzero ↓"
    )
