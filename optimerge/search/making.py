"""Makes one proposal, timed; what a sampler raises is caught. The same in every process."""

import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from optimerge.errors import OptimergeError
from optimerge.search.proposals import Proposal, View, propose_point
from optimerge.search.samplers.registry import NamedSampler


@dataclass(frozen=True)
class Made:
    """A proposal, or why there is none; picklable."""

    proposal: Proposal | None
    seconds: float
    """What it took, wall time."""
    error: str = ""
    """What the sampler raised, in one line."""
    trace: str = ""
    refusal: OptimergeError | None = None
    """Raised for the user to read: it is nobody's fault but to be mended by them."""


def make_proposal(view: View, sampler: NamedSampler) -> Made:
    """Return the sampler's proposal, or what it raised."""
    started = time.perf_counter()
    proposal, error, trace, refusal = None, "", "", None
    try:
        if sampler.ahead:
            with one_thread():
                proposal = propose_point(view, sampler)
        else:
            proposal = propose_point(view, sampler)
    except OptimergeError as raised:
        refusal = raised
    except Exception as raised:  # the one place where a sampler's failure is caught
        error, trace = _in_one_line(raised), traceback.format_exc()
    return Made(proposal, time.perf_counter() - started, error, trace, refusal)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: so the last bits are the same in every process, and with them all.

    In which order sums are formed depends on the number of threads, and on a last bit it can hang
    which point is the best.
    """
    # Only libraries that are loaded can be limited, and scipy brings one of its own.
    import scipy.linalg  # noqa: F401  # loads its BLAS
    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 0
    with threadpool_limits(1):
        if torch:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(threads)


def _in_one_line(error: Exception) -> str:
    message = str(error).strip().partition("\n")[0] or "no message"
    return f"{type(error).__name__}: {message}"
