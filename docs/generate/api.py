"""The page of the Python interface: the site fills in the docstrings."""

import inspect
from importlib import import_module

import optimerge
from docs.generate.markdown import code, fence, heading, page, table
from docs.generate.sources import error_classes
from optimerge.errors import OptimergeError

INTRODUCTION = """\
What programs may rely on. `import optimerge` loads nothing; each name loads what it needs when it
is first asked for. On the site every name below has its signature and its docstring; in Python,
`help(optimerge.build)` prints the same."""

ERRORS = """\
Each is an `OptimergeError`, with one sentence to show. All of their messages:
[messages](errors.md)."""

LAWS = """\
A plug-in inherits the laws of what it adds, and pytest runs them: see
[extending](../extending.md). A law that does not apply to what is declared passes."""

SUITES = {
    "optimerge.testing.methods": "MergeMethodLaws",
    "optimerge.testing.sampler_laws": "SamplerLaws",
    "optimerge.testing.optuna_suite": "OptunaSuite",
    "optimerge.testing.objectives": "ObjectiveLaws",
}
"""The classes that plug-in authors inherit, by module."""
DECLARATIONS = {
    "optimerge.methods.protocol": ("MergeMethod", "Parameter", "TensorGroup", "Selection"),
    "optimerge.search.samplers.named": ("NamedSampler", "Ask"),
    "optimerge.objectives.protocol": ("Objective", "Candidate"),
}
"""What plug-in authors fill in or are given, by module."""


def api() -> str:
    """Return the page."""
    return page(
        "Python",
        INTRODUCTION,
        table(("name", "is"), ((code(f"optimerge.{n}"), _first(n)) for n in optimerge.__all__)),
        *(text for name in optimerge.__all__ for text in _public(name)),
        heading(2, "Errors"),
        ERRORS,
        *(_directive("exception", f"optimerge.errors.{name}") for name in _errors()),
        heading(2, "Laws for plug-ins"),
        LAWS,
        *(_directive("class", f"{module}.{name}") for module, name in SUITES.items()),
        heading(2, "What plug-ins declare"),
        *(
            _directive("class", f"{module}.{name}")
            for module, names in DECLARATIONS.items()
            for name in names
        ),
    )


def _errors() -> list[str]:
    """Return the classes of the error tree that all rooms know, but for the root."""
    return [
        name
        for name, found in error_classes().items()
        if found.__module__ == "optimerge.errors" and found is not OptimergeError
    ]


def _public(name: str) -> list[str]:
    found = getattr(optimerge, name)
    kind = "exception" if inspect.isclass(found) and issubclass(found, Exception) else "class"
    kind = kind if inspect.isclass(found) else "function"
    return [heading(2, name), _directive(kind, f"optimerge.{name}")]


def _first(name: str) -> str:
    return (inspect.getdoc(getattr(optimerge, name)) or "").splitlines()[0]


def _directive(kind: str, path: str) -> str:
    """Return what the site puts the signature and the docstring in place of."""
    module, _, name = path.rpartition(".")
    assert hasattr(import_module(module), name), path
    members = "" if kind == "function" else "\n   :members:"
    return fence(f".. auto{kind}:: {path}{members}", "{eval-rst}")
