"""Anchors that forges know too, `<a id="name"></a>`: links may lead to them, and are checked."""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

ANCHOR = re.compile(r'<a id="([\w-]+)">')


class Anchors(SphinxTransform):
    """Turns anchors that are raw HTML into targets that Sphinx knows of."""

    default_priority = 200  # before Sphinx collects the labels of the document

    def apply(self, **_: Any) -> None:
        """Replace them; the closing tag is a node of its own, and goes too."""
        for raw in list(self.document.findall(nodes.raw)):
            if found := ANCHOR.fullmatch(raw.astext()):
                self._replace(raw, found[1])
            elif raw.astext() == "</a>":
                raw.parent.remove(raw)

    def _replace(self, raw: nodes.raw, name: str) -> None:
        target = nodes.target("", "", ids=[name], names=[name])
        self.document.note_explicit_target(target, raw)
        raw.replace_self(target)


def setup(app: Sphinx) -> dict[str, Any]:
    """Announce the transform."""
    app.add_transform(Anchors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
