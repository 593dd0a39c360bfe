"""The front page of the reference."""

from docs.generate.markdown import fence, page

TEXT = """\
Made from the declarations of the package by `python -m docs.generate`, so it says what the program
does. A test fails when a page is not what the declarations make."""

TREE = """\
:maxdepth: 1

methods
samplers
objectives
recipe
space
commands
errors
api"""


def index() -> str:
    """Return the page."""
    return page("Reference", TEXT, fence(TREE, "{toctree}"))
