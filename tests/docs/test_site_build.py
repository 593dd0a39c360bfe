"""The site is built strictly, without a network, and a fault of each kind is caught."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="the site is built with the extra `docs`")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FAULTS = {
    "[a](nowhere.md)": "cross-reference target not found: 'nowhere.md'",
    "[a](page.md#nowhere)": "local id not found in doc 'page': 'nowhere'",
    "[a](#nowhere)": "cross-reference target not found: 'nowhere'",
    "[a](../examples/nowhere.sh)": "cross-reference target not found: '../examples/nowhere.sh'",
    "[a](../nowhere/)": "cross-reference target not found: '../nowhere/'",
    "[a](../README.md#nowhere)": "has the anchor 'nowhere'",
    "![a](nowhere.png)": "image file not readable: nowhere.png",
    "```math\n\\nonsense{x}\n```": "formula cannot be drawn",
    "```yaml\n\tx: [\n```": "Lexing literal_block",
    "```{eval-rst}\n.. autofunction:: optimerge.nothing\n```": "failed to import 'nothing'",
}
SOUND = """\
# Sound

<a id="anchored"></a>Here. [there](page.md#there), [here](#anchored), [both](page.md#anchored-too),
[a file](../examples/spot.sh), [a folder](../search_spaces), [a page](../README.md),
[its heading](../README.md#your-own-models).

```math
y = \\frac{1}{2} \\sum_i x_i
```

```{toctree}
page
```
"""
PAGE = '# Page\n\n## There\n\n- <a id="anchored-too"></a>x\n'


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    strict = ["-W", "-n", "--keep-going", "-b", "html", "-c", str(ROOT / "docs")]
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *strict, str(source), str(out)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a folder of pages beside links to what the repository holds."""
    for name in ("README.md", "examples", "search_spaces"):
        (tmp_path / name).symlink_to(ROOT / name)
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "index.md").write_text(SOUND)
    (folder / "page.md").write_text(PAGE)
    return folder


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    done = build(ROOT / "docs", tmp_path)
    assert done.returncode == 0, done.stderr
    for page in tmp_path.rglob("*.html"):
        text = page.read_text()
        asked = re.findall(r"<(?:script|img|link)[^>]+(?:src|href)=\"(?:https?:)?//[^\"]+", text)
        assert not asked, f"{page.name} asks the network"
    assert "<math" in (tmp_path / "reference" / "methods.html").read_text()


def test_sound_links_and_formulas_are_drawn(source: Path, tmp_path: Path) -> None:
    done = build(source, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "site" / "index.html").read_text()
    assert '<span class="target" id="anchored">' in text
    assert "<mfrac>" in text
    assert {p.name for p in (tmp_path / "site" / "_downloads").rglob("*.*")} >= {
        "spot.sh",
        "README.md",
    }


def test_faults_are_caught(source: Path, tmp_path: Path) -> None:
    text = "\n\n".join(["# Index", "```{toctree}\npage\n```", *FAULTS])
    (source / "index.md").write_text(text + "\n")
    (source / "orphan.md").write_text("# Orphan\n")
    done = build(source, tmp_path / "site")
    assert done.returncode != 0
    for said in (*FAULTS.values(), "document isn't included in any toctree"):
        assert said in done.stderr, (said, done.stderr)
