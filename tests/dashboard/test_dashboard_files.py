"""The page's own files: what it loads, what leads where."""

import re
from pathlib import Path

import optimerge.dashboard

STATIC = Path(optimerge.dashboard.__path__[0]) / "static"
MODULES = {path.name: path.read_text() for path in sorted(STATIC.glob("*.js"))}
PAGE = (STATIC / "index.html").read_text()


def imports(name: str) -> set[str]:
    return set(re.findall(r'from "\./([\w.]+)"', MODULES[name]))


def test_the_page_asks_for_every_module_at_once() -> None:
    """One after the other, as they name each other, they take three times as long."""
    asked = re.findall(r'<link rel="modulepreload" href="/static/([\w.]+)">', PAGE)
    assert sorted([*asked, "main.js"]) == sorted(MODULES)
    assert re.findall(r'<script[^>]*src="([^"]*)"', PAGE) == ["/static/main.js"]


def test_modules_lead_to_modules_that_are_there_and_in_no_circle() -> None:
    order: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " > ".join((*path, name))
        if name not in order:
            for other in sorted(imports(name)):
                visit(other, (*path, name))
            order.append(name)

    visit("main.js", ())
    assert sorted(order) == sorted(MODULES), "every module is used"


def test_nothing_makes_elements_of_text() -> None:
    for name, text in MODULES.items():
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text
        ), name
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), name
    assert "http" not in PAGE
