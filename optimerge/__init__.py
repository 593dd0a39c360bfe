"""optimerge searches for merges of your fine-tuned language models and keeps the Pareto front.

For programs: `load_run` opens a run, `build` makes a checkpoint of a recipe, `evaluate` scores a
model or a recipe, `push_to_hub` publishes a checkpoint, `read_space` reads a search space; all that
a user can cause is an `OptimergeError`. Each loads what it needs when it is first asked for; to
import optimerge loads nothing. `__version__` is the installed package's.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimerge.api.evaluate import evaluate as evaluate
    from optimerge.api.run import Run as Run
    from optimerge.api.run import load_run as load_run
    from optimerge.errors import OptimergeError as OptimergeError
    from optimerge.export.build import build as build
    from optimerge.export.hub import push_to_hub as push_to_hub
    from optimerge.space.read import read_space as read_space

    __version__: str

_HOMES = {
    "OptimergeError": "optimerge.errors",
    "Run": "optimerge.api.run",
    "build": "optimerge.export.build",
    "evaluate": "optimerge.api.evaluate",
    "load_run": "optimerge.api.run",
    "push_to_hub": "optimerge.export.hub",
    "read_space": "optimerge.space.read",
}
"""Where each public name lives."""

__all__ = ["OptimergeError", "Run", "build", "evaluate", "load_run", "push_to_hub", "read_space"]


def __dir__() -> list[str]:
    """Return the public names, those not loaded yet too."""
    return sorted({*globals(), *__all__, "__version__"})


def _installed_version() -> str:
    from importlib.metadata import version

    return version(__name__)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load a public name when it is first asked for."""
        if name == "__version__":
            return _installed_version()
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)
