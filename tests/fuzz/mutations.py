"""What fuzz tests do to sound data: random edits of bytes, odd values in trees of plain data."""

import copy
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from optimerge.errors import OptimergeError

_ALL = tuple(HealthCheck)


def tier(examples: int) -> settings:
    """Return settings for so many examples, the same each time."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=_ALL,
    )


DEEP = int(os.environ.get("OPTIMERGE_FUZZ", "1000"))
"""Examples of a test of the slow tier."""
MOST_SECONDS = 20.0
"""Of a processor, for one example: minutes would be a way to keep a machine busy."""


@contextmanager
def only_our_errors() -> Iterator[None]:
    """Pass if nothing is raised, or one of our errors, in one sentence, before long."""
    start = time.process_time()
    try:
        yield
    except OptimergeError as error:
        assert "\n" not in str(error).strip(), error  # noqa: PT017
        str(error).encode("utf-8")
    assert time.process_time() - start < MOST_SECONDS


ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3.5, -0.0, 1e308, 1e-320),
    *(float("inf"), float("-inf"), float("nan"), 2**31, 2**63, 2**64, -(2**70), 10**30),
    *("", "x", "base", "0", "-1", "1e400", "nan", ".", "..", "../../x", "/etc/passwd", "a/b"),
    *("é", "\u202e", "\x1b[2J", "[/b]", ":smile:", "{{ x }}", "%s", "~", "a+b", "a@b", "@", "+"),
    *("float32", "ties", "auto", "each", "union", "zero", "model", "x" * 300),
    *([], {}, [[]], [{}], {"a": 1}, [None], [0, 1], [1, 0], ["a", "a"], {"low": 0, "high": 1}),
    *({"choices": [1, "1", 1.0]}, {"choices": ["ties", "linear"]}, [0, 10**9], {"auto": 10**9}),
    *({"low": 0, "high": 10**9, "step": 1}, {"low": 1, "high": 0}, {"filter": "a", "value": 1}),
]
"""Values that are right in one place and wrong in most."""


def paths(data: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in plain data."""
    items: Any = ()
    if isinstance(data, dict):
        items = data.items()
    elif isinstance(data, list):
        items = enumerate(data)
    for key, value in items:
        yield (*here, key)
        yield from paths(value, (*here, key))


@st.composite
def mutated(draw: Callable[..., Any], data: Any, odd: list[Any] = ODD, most: int = 3) -> Any:
    """Draw plain data with up to `most` of its values replaced, removed, renamed or doubled."""
    found = copy.deepcopy(data)
    for _ in range(draw(st.integers(1, most))):
        all_paths = list(paths(found))
        if not all_paths:
            break
        path = draw(st.sampled_from(all_paths))
        place = found
        for key in path[:-1]:
            place = place[key]
        kind = draw(st.sampled_from(["odd", "odd", "odd", "other", "remove", "rename", "double"]))
        if kind == "odd":
            place[path[-1]] = copy.deepcopy(draw(st.sampled_from(odd)))
        elif kind == "other":
            other = place
            there = draw(st.sampled_from(all_paths))
            value = found
            for key in there:
                value = value[key]
            other[path[-1]] = copy.deepcopy(value)
        elif kind == "remove":
            del place[path[-1]]
        elif kind == "rename" and isinstance(place, dict):
            place[draw(st.sampled_from([str(p[-1]) for p in all_paths] + ["x", ""]))] = place.pop(
                path[-1]
            )
        elif isinstance(place, list):
            place.insert(0, copy.deepcopy(place[path[-1]]))
    return found


@st.composite
def edited(draw: Callable[..., Any], content: bytes, tokens: tuple[bytes, ...] = ()) -> bytes:
    """Draw bytes with a few parts overwritten, removed, doubled, inserted, or the end cut off."""
    found = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(found)))
        to = min(len(found), at + draw(st.sampled_from([0, 1, 1, 2, 4, 8, 40, 400])))
        part = draw(st.one_of(st.binary(max_size=8), st.sampled_from((b"", *tokens))))
        kind = draw(st.sampled_from(["put", "put", "cut", "double", "end"]))
        if kind == "put":
            found[at:to] = part
        elif kind == "cut":
            del found[at:to]
        elif kind == "double":
            found[at:at] = found[at:to]
        else:
            del found[at:]
    return bytes(found)
