"""The pages of docs/reference are what the declarations make."""

import shutil
from pathlib import Path

from docs.generate.pages import COMMAND, FOLDER, PAGES, stale, write


def test_every_page_is_current() -> None:
    assert not stale(), f"run `{COMMAND}` and commit docs/reference"


def test_a_page_that_was_changed_lost_or_added_is_found_and_mended(tmp_path: Path) -> None:
    folder = tmp_path / "reference"
    shutil.copytree(FOLDER, folder)
    (folder / "samplers.md").write_text((folder / "samplers.md").read_text() + "by hand\n")
    (folder / "format.md").unlink()
    (folder / "foreign.md").write_text("# Foreign\n")
    changed = {name: page for name, page in PAGES.items() if name in ("samplers.md", "format.md")}
    assert {*stale(folder)} == {*changed, "foreign.md"}
    write(folder)
    assert not stale(folder)
    assert not (folder / "foreign.md").exists()
