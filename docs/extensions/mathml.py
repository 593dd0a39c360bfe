"""Formulas as MathML: browsers draw it, without a script, a font or a network.

docutils turns LaTeX into MathML and refuses what it does not know. Its converter is provisional, so
it may move in a new version of docutils; the build of the site fails then.
"""

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

log = logging.getLogger(__name__)


def visit_inline(writer: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    writer.body.append(mathml(node, block=False))
    raise nodes.SkipNode


def visit_block(writer: HTML5Translator, node: nodes.math_block) -> None:
    """Write a displayed formula; one that is too wide for the page can be scrolled."""
    writer.body.append(f'<div class="formula">{mathml(node, block=True)}</div>\n')
    raise nodes.SkipNode


def mathml(node: nodes.Element, *, block: bool) -> str:
    """Return a formula's MathML; a warning, and its LaTeX, if it cannot be read."""
    latex = node.astext()
    try:
        return str(tex2mathml(latex, as_block=block))
    except MathError as error:
        log.warning("formula cannot be drawn: %s: %s", error, latex, location=node, type="math")
        return str(nodes.literal(latex, latex))


def setup(app: Sphinx) -> dict[str, Any]:
    """Announce the renderer."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
