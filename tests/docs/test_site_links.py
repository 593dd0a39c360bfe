"""Links of the Markdown beside docs/ lead to what is there, anchors too: forges show those files."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt

from docs.generate.markdown import heading_anchor

ROOT = Path(__file__).parents[2]
ANCHOR = '<a id="{}">'


def tokens(file: Path) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of every link, image and heading of a file."""
    found = MarkdownIt().enable("table").parse(file.read_text())
    for before, token in zip([None, *found], found, strict=False):
        if before is not None and before.type == "heading_open":
            yield "heading", "".join(part.content for part in token.children or ())
        for part in token.children or ():
            if part.type in ("link_open", "image"):
                yield "link", str(part.attrs.get("href", part.attrs.get("src", "")))


def anchors(file: Path) -> set[str]:
    return {heading_anchor(text) for kind, text in tokens(file) if kind == "heading"}


def dead(file: Path) -> list[str]:
    """Return the links of a file that lead nowhere."""
    found = []
    for kind, link in tokens(file):
        if kind == "link" and "://" not in link and not link.startswith("mailto:"):
            path, _, anchor = unquote(link).partition("#")
            target = file.parent / path if path else file
            there = target.exists() and target.resolve().is_relative_to(file.parents[-2])
            if there and anchor and target.suffix == ".md":
                there = anchor in anchors(target) or ANCHOR.format(anchor) in target.read_text()
            found += [] if there else [link]
    return found


def files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).is_file()]


def test_links_of_all_markdown_lead_somewhere() -> None:
    assert ROOT / "README.md" in files()
    wrong = {str(file.relative_to(ROOT)): found for file in files() if (found := dead(file))}
    assert not wrong


@pytest.mark.parametrize(
    ("link", "is_dead"),
    [
        ("there.md", False),
        ("there.md#a-heading", False),
        ("there.md#placed", False),
        ("#own", False),
        ("folder", False),
        ("https://example.org/x", False),
        ("nowhere.md", True),
        ("there.md#nowhere", True),
        ("#nowhere", True),
    ],
)
def test_a_link_that_leads_nowhere_is_found(link: str, is_dead: bool, tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text('# A heading\n\n<a id="placed"></a>\n')
    (tmp_path / "folder").mkdir()
    file = tmp_path / "page.md"
    file.write_text(f"# Own\n\nSee [this]({link}).\n")
    assert dead(file) == ([link] if is_dead else [])
