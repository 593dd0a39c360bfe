"""The compiled kernels' shared library: where it is, and what of it this processor can run.

`pip install` builds it from native/ where there is a C++ compiler. It knows up to three levels of
x86-64 instructions and a plain one for any processor; the best that this one has is used.
"""

import ctypes
from collections.abc import Iterator
from ctypes import c_char_p, c_int32, c_int64, c_void_p
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import NamedTuple

LEVELS = ("baseline", "v3", "v4")
"""By number: any processor; AVX2; AVX-512."""
VERSION = 3
"""Of the calls and of what `structs` describes; the library says the same."""
PART = 1 << 18
"""Entries of a tensor that are handed to a thread at a time: as in native/job.h."""


class Available(NamedTuple):
    """What there is of the compiled kernels here."""

    levels: tuple[str, ...]
    """That this processor can run; the one that is used by default is last. Empty: none."""
    reason: str = ""
    """Why there is none."""


@cache
def load() -> ctypes.CDLL:
    """Return the library; OSError or ImportError with a reason where there is none."""
    path = next((p for p in _places() if p.exists()), None)
    if path is None:
        raise ImportError(
            "the compiled merge kernels were not built when optimerge was installed: install a C++ "
            "compiler (g++ or clang++), then optimerge again"
        )
    library = ctypes.CDLL(str(path))
    library.optimerge_level.restype = c_char_p
    found = library.optimerge_version()
    if found != VERSION:
        raise ImportError(
            f"{path} is of another version of optimerge ({found}, not {VERSION}): install "
            "optimerge again"
        )
    arguments = [c_int32, c_void_p, c_int64, c_int64, c_void_p]
    for name in ("merge", "norms", "magnitudes", "shares"):
        function = getattr(library, f"optimerge_{name}")
        function.argtypes, function.restype = arguments, None
    library.optimerge_places.argtypes = [c_void_p, c_int64, c_int64, c_void_p]
    library.optimerge_places.restype = None
    return library


def available() -> Available:
    """Return the levels that can be used here, or the reason why there is none."""
    try:
        library = load()
    except (ImportError, OSError) as error:
        return Available((), str(error))
    return Available(tuple(name for n, name in enumerate(LEVELS) if library.optimerge_level(n)))


def _places() -> Iterator[Path]:
    for suffix in EXTENSION_SUFFIXES:
        yield Path(__file__).with_name(f"compiled{suffix}")
