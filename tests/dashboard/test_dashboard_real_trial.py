"""One trial of a real run in a browser: what is shown is what the commands write and print."""

import gzip
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dashboard_browser import Page, missing

if reason := missing():
    pytest.skip(reason, allow_module_level=True)

from dashboard_real import Served, as_json, pasted, said, served, wait_for

from optimerge.records.run import open_run

pytestmark = pytest.mark.slow

RECIPE = "return document.getElementById('recipe')?.textContent === arguments[0]"
ROWS = """
return [...document.querySelectorAll('#detail .score')].flatMap((score) => {
  const title = score.querySelector('h3').firstChild.textContent.trim().split(' ')[0];
  return [...score.querySelectorAll('.bar-name')].map((name) => {
    const row = [name];
    while (row.at(-1).nextElementSibling && !row.at(-1).nextElementSibling.matches('.bar-name')) row.push(row.at(-1).nextElementSibling);
    return [title, name.title || name.textContent, row.find((each) => each.matches('.number')).textContent,
            row.find((each) => each.matches('.verdict'))?.textContent ?? ''];
  });
});"""


@pytest.fixture(scope="module")
def server(real: Path) -> Iterator[Served]:
    with served(real) as made:
        yield made


@pytest.fixture(scope="module")
def members(real: Path) -> list[dict[str, Any]]:
    """The front, as `optimerge front` prints it."""
    return [each for each in as_json("front", real) if not each["parent"]]


def test_a_clicked_point_shows_the_recipe_that_is_exported(
    shown: Page, real: Path, members: list[dict[str, Any]], tmp_path: Path
) -> None:
    shown.open("run=r0")
    shown.drawn()
    places = {t.name: shown.at(t.name) for t in open_run(real).trials() if t.scores}
    # A press takes the nearest point: which of two at one place is another test's question.
    alone = [
        each["name"]
        for each in members
        if all(
            math.dist(places[each["name"]], at) > 12
            for name, at in places.items()
            if name != each["name"]
        )
    ]
    assert alone, places
    for name in alone[:2]:
        file = tmp_path / f"{name}.yaml"
        said("export", real, "--trial", name, "-o", file)
        shown.press(*shown.at(name))
        shown.until(RECIPE, file.read_bytes().decode())
        assert shown.text("#detail h2") == f"trial {name}"
        assert f"trial={name}" in shown.driver.current_url
    shown.shot("trial-light")


def test_it_is_downloaded_and_copied_to_the_byte(
    shown: Page, real: Path, members: list[dict[str, Any]], tmp_path: Path
) -> None:
    name, file = members[0]["name"], tmp_path / "exported.yaml"
    said("export", real, "--trial", name, "-o", file)
    shown.open(f"run=r0&trial={name}")
    shown.until(RECIPE, file.read_bytes().decode())
    saved = shown.downloads / f"trial-{name}.yaml"
    saved.unlink(missing_ok=True)
    shown.click("#download")
    wait_for(saved.exists)
    assert saved.read_bytes() == file.read_bytes()
    assert shown.clipboard() != file.read_text()
    shown.click(".recipe [data-key^='copy:']")
    shown.until(
        "return document.querySelector('.recipe [data-key^=\"copy:\"]').textContent === 'Copied'"
    )
    assert shown.clipboard() == file.read_bytes().decode()


def test_the_commands_that_are_shown_do_what_they_say(
    shown: Page, real: Path, members: list[dict[str, Any]], tmp_path: Path
) -> None:
    shown.open(f"run=r0&trial={members[0]['name']}")
    shown.until("return document.querySelectorAll('.command pre').length === 2")
    export, build = shown.run(
        "return [...document.querySelectorAll('.command pre')].map((e) => e.textContent)"
    )
    assert str(real) not in export.split()  # its name has a space
    shown.click(".command [data-key^='copy:']")
    wait_for(lambda: shown.clipboard() == export)
    pasted(export, tmp_path)
    assert (tmp_path / "recipe.yaml").read_bytes().decode() == shown.text("#recipe")
    pasted(build, tmp_path)
    assert (tmp_path / "merged" / "model.safetensors").is_file()


NUMBER = re.compile(r"([+\u2212]?)(\d+(?:\.(\d+))?)(?:\s*±\s*(\d+(?:\.\d+)?))?")


def reads(text: str, value: float, error: float | None) -> bool:
    """Whether a text is a score with its error: rounded rightly, two digits of the error or more."""
    found = NUMBER.fullmatch(text.strip())
    if found is None:
        return False
    sign, number, decimals, shown = found.groups()
    places = len(decimals or "")
    right = number == f"{abs(value):.{places}f}" and (sign == "\u2212") <= (value < 0)
    if not error:
        return right and shown is None and (places >= 3 or value == int(value))
    enough = places >= 1 - math.floor(math.log10(error))
    return right and enough and shown == f"{error:.{places}f}"


def test_scores_stand_beside_those_of_parents_and_the_best_baseline(
    shown: Page, real: Path, members: list[dict[str, Any]]
) -> None:
    member, tests = members[0], as_json("test", real, "--show")
    tested = {(each["name"], each["kind"]): each for each in tests["models"]}
    shown.open(f"run=r0&trial={member['name']}")
    rows = shown.until(f"return (() => {{ {ROWS} }})().length ? (() => {{ {ROWS} }})() : null")
    found = {(objective, model): (number, verdict) for objective, model, number, verdict in rows}
    baselines = {model for _, model, *_ in rows} - {
        "this",
        "this, test items",
        "base",
        "red",
        "blue",
    }
    assert len(baselines) == 1  # the best
    best = baselines.pop()
    for name in ("echo", "loss", "nonzero"):
        own = (member["values"][name], member["stderr"][name])
        assert reads(found[name, "this"][0], *own), found
        test = tested[member["name"], "merge"]["test"][name]
        assert reads(found[name, "this, test items"][0], test["value"], test["stderr"])
        for model, kind in (
            ("base", "parent"),
            ("red", "parent"),
            ("blue", "parent"),
            (best, "baseline"),
        ):
            score = tested[model, kind]["search"][name]
            number, verdict = found[name, model]
            assert reads(number, score["value"], score["stderr"]), (name, model, number)
            gain = own[0] - score["value"] if name == "echo" else score["value"] - own[0]
            assert verdict, (name, model)
            if "\u2248" not in verdict:
                assert ("\u25b2" in verdict) == (gain > 0), (name, model, verdict)


def test_a_difference_is_that_of_the_documents(
    shown: Page, real: Path, members: list[dict[str, Any]]
) -> None:
    name = members[0]["name"]
    mine, theirs = evidence(real, name), evidence(real, "red")
    gaps = np.array([mine["acc,none"][d] - theirs["acc,none"][d] for d in mine["acc,none"]])
    value, error = gaps.mean(), gaps.std(ddof=1) / len(gaps) ** 0.5
    shown.open(f"run=r0&trial={name}")
    rows = shown.until(f"return (() => {{ {ROWS} }})().length ? (() => {{ {ROWS} }})() : null")
    verdict = next(v for objective, model, _, v in rows if (objective, model) == ("echo", "red"))
    sign = "\u2248" if abs(value) <= 1.96 * error else "\u25b2" if value > 0 else "\u25bc"
    assert verdict.startswith(f"{sign} ")
    assert reads(verdict.removeprefix(f"{sign} "), value, error)
    assert ("+" in verdict) == (value > 0)


def test_the_picture_changes_from_search_to_test_scores(
    shown: Page, real: Path, members: list[dict[str, Any]]
) -> None:
    tests = {
        e["name"]: e for e in as_json("test", real, "--show")["models"] if e["kind"] == "merge"
    }
    shown.open("run=r0&x=echo&y=loss")
    shown.drawn()
    shown.click('[data-key="Scores:test"]')
    shown.until(
        "return document.querySelector('#front-plot .xtitle')?.textContent.includes('(test)')"
    )
    shown.until("return document.getElementById('view').dataset.tabled.endsWith(',test')")
    points = shown.run(
        "return document.getElementById('front-plot').data.flatMap((t) => (t.customdata ?? []).map((n, i) => [n, t.x[i], t.y[i]]))"
    )
    drawn = {name: (x, y) for name, x, y in points}
    for member in members:
        name, score = member["name"], tests[member["name"]]["test"]
        assert drawn[name] == (score["echo"]["value"], score["loss"]["value"])
        cells = shown.run(
            "return [...document.querySelector(`[data-key='row:${arguments[0]}']`).closest('tr').cells].map((e) => e.textContent)",
            name,
        )
        for objective in ("echo", "loss", "nonzero"):
            known = score[objective]["value"], score[objective]["stderr"]
            assert any(reads(cell, *known) for cell in cells[1:]), (cells, known)
    shown.click('[data-key="Scores:search"]')
    shown.until(
        "return !document.querySelector('#front-plot .xtitle').textContent.includes('(test)')"
    )
    x, y = shown.run(
        "for (const t of document.getElementById('front-plot').data) { const i = (t.customdata ?? []).indexOf(arguments[0]); if (i >= 0) return [t.x[i], t.y[i]]; }",
        members[0]["name"],
    )
    assert (x, y) == (members[0]["values"]["echo"], members[0]["values"]["loss"])


def evidence(folder: Path, name: str) -> dict[str, Any]:
    """Return what each document came to, by metric and document, straight from the files."""
    trial = next(t for t in open_run(folder).trials() if t.name == name)
    with np.load(folder / "evidence" / f"{trial.evidence}.npz", allow_pickle=False) as arrays:
        task = json.loads(bytes(arrays["header"]))["tasks"][0]
        found: dict[str, Any] = {
            metric: dict(zip(task["documents"], arrays[f"0.{place}"].tolist(), strict=True))
            for place, metric in enumerate(task["metrics"])
        }
    with gzip.open(folder / "evidence" / f"items-{task['digest']}.jsonl.gz") as file:
        lines = [json.loads(line) for line in file]
    return {**found, "prompts": {each["id"]: each["prompt"] for each in lines}}


def test_documents_won_and_lost_are_those_of_the_evidence(
    shown: Page, real: Path, members: list[dict[str, Any]]
) -> None:
    def differ(name: str) -> tuple[list[int], list[int]]:
        mine, theirs = evidence(real, name)["acc,none"], evidence(real, "red")["acc,none"]
        return [d for d in sorted(mine) if mine[d] > theirs[d]], [
            d for d in sorted(mine) if mine[d] < theirs[d]
        ]

    name = next(m["name"] for m in members if all(differ(m["name"])))
    won, lost = differ(name)
    prompts = evidence(real, name)["prompts"]
    shown.open(f"run=r0&trial={name}")
    shown.click('[data-key="summary:Items won and lost"]')
    shown.until("return !!document.querySelector('#counts button')")
    shown.run(
        "const s = document.querySelector('#detail [data-key=\"Against\"]'); s.value = 'red'; s.dispatchEvent(new Event('change'))"
    )
    shown.until(
        "return document.getElementById('counts').textContent.includes(arguments[0])",
        f"won {len(won)}",
    )
    for kind, which in (("won", won), ("lost", lost)):
        shown.click(f'[data-key="Items:{kind}"]')
        shown.until(
            "return document.querySelector(`[data-key='Items:${arguments[0]}']`)?.getAttribute('aria-pressed') === 'true'",
            kind,
        )
        listed = "return [...document.querySelectorAll('.items > li')].map((e) => [e.querySelector('.soft').textContent, e.querySelector('pre').textContent])"
        want = [[f"document {d}", prompts[d]] for d in which]
        shown.until(
            f"return JSON.stringify((() => {{ {listed} }})()) === arguments[0]",
            json.dumps(want, separators=(",", ":")),
        )
        assert f"{kind} {len(which)}" in shown.text("#counts")
