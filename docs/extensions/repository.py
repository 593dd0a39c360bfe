"""Links from pages to what lies beside docs/ in the repository: checked, and made links to copies.

MyST resolves links to files that are no Markdown; one that is missing is a warning. Links to
Markdown outside of docs/, and to folders, are right on a forge and unknown to MyST: they are
resolved here. Of a folder the README is copied.
"""

import os
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from docs.generate.markdown import heading_anchor

ROOT = Path(__file__).parents[2]
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
log = logging.getLogger(__name__)


class Repository(SphinxTransform):
    """Makes such links links to a copy; those that lead nowhere stay, and are warned of."""

    default_priority = 210

    def apply(self, **_: Any) -> None:
        """Replace them."""
        for link in list(self.document.findall(addnodes.pending_xref)):
            file = self._file(link) if link.get("reftype") == "myst" else None
            if file is not None:
                self._check_anchor(link, file)
                link.replace_self(self._download(link, file))

    def _file(self, link: addnodes.pending_xref) -> Path | None:
        """Return the file that a link leads to; None if it is a page, or not there."""
        target = link["reftarget"]
        if link.get("refdomain") == "doc":  # MyST has cut off .md; outside of docs/ it is absolute
            file = Path(f"{target}.md")
            return file if file.is_absolute() and _is_there(file) else None
        _, place = self.env.relfn2path(target, self.env.docname)
        file = Path(place, "README.md")
        return file if "#" not in target and _is_there(file) else None

    def _check_anchor(self, link: addnodes.pending_xref, file: Path) -> None:
        anchor = link.get("reftargetid")
        headings = HEADING.findall(file.read_text(encoding="utf-8"))
        if anchor and anchor not in map(heading_anchor, headings):
            log.warning("no heading of %s has the anchor %r", file, anchor, location=link)

    def _download(self, link: addnodes.pending_xref, file: Path) -> nodes.Element:
        page = Path(self.env.doc2path(self.env.docname))
        target = Path(os.path.relpath(file, page.parent)).as_posix()
        kept = {"refdoc": link["refdoc"], "reftype": "myst", "refexplicit": True}
        found = addnodes.download_reference("", "", refdomain=None, reftarget=target, **kept)
        found += link.children
        return found


def _is_there(file: Path) -> bool:
    return file.resolve().is_relative_to(ROOT) and file.is_file()


def setup(app: Sphinx) -> dict[str, Any]:
    """Announce the transform."""
    app.add_transform(Repository)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
