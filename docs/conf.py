"""How the site is built: `sphinx-build -W -n --keep-going -b html docs OUT`, without a network.

Every warning is an error: a link, an anchor or a file that is not there, a formula that cannot be
drawn, a page that no other leads to.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from optimerge import __version__

project = "optimerge"
author = "The optimerge developers"
copyright = f"2026, {author}"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docs.extensions.anchors",
    "docs.extensions.docstrings",
    "docs.extensions.mathml",
    "docs.extensions.repository",
]
exclude_patterns = ["extensions", "generate", "_build"]
show_warning_types = True

myst_heading_anchors = 4
myst_fence_as_directive = ["math"]
html_math_renderer = "mathml"
highlight_language = "text"
smartquotes = False  # --option would become –option
copybutton_exclude = ".linenos, .gp, .go"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False

nitpick_ignore_regex = [("py:class", ".*")]
"""Types in signatures: those of other packages are documented elsewhere, and there is no network;
those of optimerge's insides are named, not promised. Exceptions, functions and modules must be
found."""

html_theme = "furo"
html_title = f"optimerge {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
