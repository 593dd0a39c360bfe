"""The messages are all found, and read as they do when they are said."""

import ast
from pathlib import Path

import pytest

from docs.generate.messages import CHECKS, CLICK, Message, messages
from docs.generate.pages import FOLDER
from docs.generate.sources import called, calls, error_classes, sources
from docs.generate.templates import placeholder, texts
from optimerge.errors import RecipeError
from optimerge.methods.registry import method_named
from optimerge.recipe.read import parse_recipe

PASSED_ON = {
    ("checkpoint/write.py", "DiskError"),  # of checkpoint/staging.py
    ("cli/options.py", "BadParameter"),  # of space/clock.py
    ("cli/workers.py", "OptimergeError"),  # what a worker said last
    ("dashboard/source.py", "GoneError"),  # any error of a run
    ("records/artifacts.py", "StoreError"),  # what the store's library says
    ("search/watch.py", "TrialError"),  # the reason of the watch
}
"""Errors that say again what another error said."""


def expression(source: str) -> ast.expr:
    return ast.parse(source, mode="eval").body


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("'no such file'", ["no such file"]),
        ("f'{path}: no such file'", ["{path}: no such file"]),
        ("f'{self.folder} is {len(names)} long'", ["{folder} is {number} long"]),
        ("f'unknown {key!r}{did_you_mean(key, known)}'", ["unknown {key}{hint}"]),
        ('f\'no {"low" if x else "high"} here\'', ["no low here", "no high here"]),
        ("'a' if x else f'b {y}'", ["a", "b {y}"]),
        ("f'known: {\", \".join(map(str, names))}' + why", ["known: {names}{why}"]),
        ("error", []),
    ],
)
def test_a_text_shows_names_where_values_stand(source: str, wanted: list[str]) -> None:
    assert texts(expression(source)) == wanted


def test_what_has_no_name_is_dots() -> None:
    assert placeholder(expression("1 + 1")) == "…"
    assert placeholder(expression("self.files[0].name")) == "name"


def test_every_error_that_is_made_has_a_message() -> None:
    told, kinds = {(m.file, m.error) for m in messages()}, {*error_classes(), *CLICK}
    silent = {
        (source.path, called(call))
        for source in sources()
        for _, call in calls(source)
        if called(call) in kinds and call.args
    }
    assert silent - told <= PASSED_ON


def test_the_messages_of_real_errors_are_on_the_page() -> None:
    page = (FOLDER / "errors.md").read_text()
    with pytest.raises(RecipeError, match="unknown key 'densty'"):
        parse_recipe("merge_method: ties\ndensty: 1\nmodels: []\n")
    assert "unknown key {" in page
    with pytest.raises(Exception, match="unknown merge method"):
        method_named("tise")
    assert "`unknown merge method {name}" in page
    with pytest.raises(RecipeError, match="give exactly one of models, slices, modules"):
        parse_recipe("merge_method: ties\n")
    assert "`give exactly one of models, slices, modules; found {found}`" in page


def test_messages_of_refusals_and_of_functions_are_found() -> None:
    said = {m.text for m in messages()}
    assert any(text.startswith("the weights sum to 0") for text in said)
    assert any(text.startswith("density {density} with epsilon") for text in said)


def test_every_message_has_an_anchor_of_its_own() -> None:
    page = (FOLDER / "errors.md").read_text()
    anchors = [part.split('"')[0] for part in page.split('<a id="')[1:]]
    assert len(anchors) == len(set(anchors)) == len(messages())


def test_the_rooms_of_checks_exist() -> None:
    rooms = {source.room for source in sources()}
    assert {room for found in CHECKS.values() for room in found} <= rooms
    assert all(isinstance(m, Message) and Path(m.file).suffix == ".py" for m in messages())
