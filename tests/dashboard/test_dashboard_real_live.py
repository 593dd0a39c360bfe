"""A search beside an open page, and a server that goes and comes back."""

import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from dashboard_browser import Page, missing

if reason := missing():
    pytest.skip(reason, allow_module_level=True)

from dashboard_real import Served, searching, served, space_of

from optimerge.records.run import open_run

pytestmark = pytest.mark.slow

COUNT = """return [...document.querySelectorAll('#front-legend .legend li')]
  .map((e) => Number(e.textContent.match(/(?:on the front|dominated|constraint|raced out) (\\d+)/)?.[1] ?? 0))
  .reduce((a, b) => a + b, 0)"""
"""Trials of the search that are in the picture, as its legend counts them."""
RANGE = "return document.getElementById('front-plot').frame.x.range"
ENDED = "return document.querySelector('#tiles b').textContent"
HEAD = "return document.getElementById('state').textContent === arguments[0]"
LOST = re.compile(
    r"^http://127\.0\.0\.1:\d+/api/\S+ - Failed to load resource: net::ERR_"
    "(CONNECTION_(REFUSED|RESET|CLOSED|ABORTED)|SOCKET_NOT_CONNECTED|EMPTY_RESPONSE"
    "|INCOMPLETE_CHUNKED_ENCODING|CONTENT_LENGTH_MISMATCH)"
)
"""What the browser says of a server that is not there, or went before or while it answered."""
TRIALS = 400


@pytest.fixture
def own(real: Path, tmp_path: Path) -> Path:
    """A copy of the run, to search on in; without its tests it is a search that was stopped."""
    return Path(shutil.copytree(real, tmp_path / "over night"))


def wait_until_stopped(pid: int) -> None:
    """A signal takes its time on a machine that has other work."""
    for _ in range(200):
        if Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("T"):
            return
        time.sleep(0.05)
    raise AssertionError("still at work")


def test_a_search_is_followed_without_losing_what_is_looked_at(
    browser: Page, own: Path, made_family: Path
) -> None:
    with served(own) as server:
        browser.url = server.url
        name = next(t.name for t in open_run(own).trials() if t.origin == "sampler" and t.feasible)
        browser.open(f"run=r0&trial={name}&x=echo&y=loss", height=600)
        browser.drawn()
        browser.until("return !!document.getElementById('recipe')")
        recipe = browser.text("#recipe")
        browser.run("window.same = true")  # gone if the page were loaded again
        box = browser.run(
            "const b = document.querySelector('#front-plot .nsewdrag').getBoundingClientRect(); return [b.left, b.top, b.width, b.height]"
        )
        x, y, wide, high = map(round, box)
        browser.press(x + wide // 4, y + high // 4, (x + 3 * wide // 4, y + 3 * high // 4))
        zoomed = browser.run(RANGE)
        browser.run("scrollTo(0, 130)")
        before = browser.run(COUNT)
        with searching(space_of(made_family), own, TRIALS) as search:
            browser.until(HEAD, "running")
            browser.until(f"return (() => {{ {COUNT} }})() > {before} + 3")
            assert f" of {TRIALS}" in browser.run(ENDED)
            assert browser.run("return scrollY") == 130
            assert browser.run(RANGE) == zoomed
            browser.click('[data-key="view:progress"]')
            now = "return [...document.querySelectorAll('#progress-top dd')][0]?.textContent ?? ''"
            browser.until(f"return /^trial \\d+ for/.test((() => {{ {now} }})())")
            search.send_signal(signal.SIGSTOP)  # what it does now it will do for a while
            wait_until_stopped(search.pid)
            working = [t.name for t in open_run(own).trials() if t.state == "running"]
            if working:
                browser.until(
                    f"return (() => {{ {now} }})().startsWith(arguments[0])",
                    f"trial {working[0]} for",
                )
                told = "return [...document.querySelectorAll('#progress-top dt')].map((e) => e.textContent)"
                assert {"now", "rate"} <= set(browser.run(told))
                assert "left" in browser.text("#tiles")
            search.send_signal(signal.SIGCONT)
            browser.shot("progress-running")
            browser.click('[data-key="view:front"]')
            browser.drawn()
            browser.run("scrollTo(0, 130)")
            assert search.wait(300) == 0
        browser.until(HEAD, "tested")  # it was, before it went on
        whole = [t for t in open_run(own).trials() if t.state in ("complete", "failed", "pruned")]
        browser.until(f"return (() => {{ {ENDED} }})() === arguments[0]", str(len(whole)))
        assert len(whole) >= TRIALS
        placed = sum(1 for t in whole if t.scores and not t.is_parent)
        browser.until(f"return (() => {{ {COUNT} }})() === arguments[0]", placed)
        assert browser.run("return window.same")
        assert browser.run(RANGE) == zoomed
        assert browser.run("return scrollY") == 130
        assert browser.text("#detail h2") == f"trial {name}"
        assert browser.text("#recipe") == recipe
        browser.click('[data-key="view:progress"]')
        browser.until(
            "return document.getElementById('progress-top').textContent.includes('no search is at work')"
        )
        browser.driver.get("about:blank")  # before the server ends


def test_a_server_that_goes_is_missed_and_one_that_comes_is_taken(browser: Page, own: Path) -> None:
    first = Served([own])
    browser.url = first.url
    browser.open("run=r0&x=echo&y=loss")
    browser.drawn()
    browser.run("window.same = true")
    first.hang()
    time.sleep(2.5)  # the page waits for an answer, and loses it
    first.kill()
    browser.until("return !document.getElementById('trouble').hidden")
    said = browser.text("#trouble")
    assert re.fullmatch(r"[A-Z][^.?]+[.?:][^.]*\? Trying again\.", said), said
    assert "server does not answer" in said
    assert browser.run("return !document.getElementById('front-plot').hidden")
    browser.shot("server-gone")
    time.sleep(2.5)  # a second try fails as well
    assert browser.text("#trouble") == said
    with served(own, port=first.port):
        browser.until("return document.getElementById('trouble').hidden")
        name = browser.run("return document.querySelector('[data-key^=\"row:\"]').textContent")
        browser.click(f'[data-key="row:{name}"]')
        browser.until(
            "return document.querySelector('#detail h2')?.textContent === arguments[0]",
            f"trial {name}",
        )
        assert browser.run("return window.same")
        browser.driver.get("about:blank")  # before the server ends, and nothing is said any more
        complaints = browser.complaints()
        assert any("ERR_CONNECTION_REFUSED" in each for each in complaints), complaints
        assert all(LOST.search(each) for each in complaints), complaints
