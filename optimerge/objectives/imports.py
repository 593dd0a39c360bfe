"""Imports a module that a search space names: a file beside it first, then an installed one."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def import_beside(folder: Path, name: str) -> ModuleType:
    """Import `name` from the folder (`a.b` is a/b.py) or, if it is not there, as usual.

    Whatever the import raises is passed on.
    """
    file = folder.joinpath(*name.split(".")).with_suffix(".py")
    return _from_file(name, file) if file.is_file() else importlib.import_module(name)


def _from_file(name: str, file: Path) -> ModuleType:
    """Import a file under a name of its own: another space's file may have the same name."""
    own = f"{name} of {file.parent.resolve()}"
    spec = importlib.util.spec_from_file_location(own, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[own] = module  # where dataclasses look for their annotations
    spec.loader.exec_module(module)
    return module
