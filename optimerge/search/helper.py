"""A process of its own that makes proposals while the search scores.

It is a new Python, not a copy of the search: it has none of its memory, threads and devices, and
runs nothing of the main module. It computes with one thread, sees no GPU, takes no Ctrl-C (the
search does, and ends it), and ends when the search does, whatever ended that one.

Both sides are here. Messages are pickles through two pipes: the sampler, then view after view; back
comes a `Made` for each.
"""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimerge.search.making import Made
    from optimerge.search.proposals import View
    from optimerge.search.samplers.registry import NamedSampler

_CODE = (
    "import sys; parent, sys.path[:] = int(sys.argv[1]), sys.argv[2:];"
    "from optimerge.search.helper import main; main(parent)"
)
_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")
_DEVICES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_LOOK = 1.0
"""Seconds between two looks at whether the search is still there."""


class HelperError(Exception):
    """The helper process cannot be started, has ended, or says what cannot be read."""


class Helper:
    """The search's side: starts the process, hands it views, takes what it makes."""

    def __init__(self, sampler: "NamedSampler") -> None:
        """Start the process; HelperError if it cannot be."""
        environment = os.environ | {f"{name}_NUM_THREADS": "1" for name in _THREADS}
        try:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CODE, str(os.getpid()), *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment | dict.fromkeys(_DEVICES, ""),
                process_group=0,
            )
        except OSError as error:
            raise HelperError(f"it cannot be started ({error})") from error
        assert self._process.stdin
        assert self._process.stdout
        self._views = Connection(os.dup(self._process.stdin.fileno()), readable=False)
        self._made = Connection(os.dup(self._process.stdout.fileno()), writable=False)
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._send(sampler)
        except HelperError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def send(self, view: "View") -> None:
        """Hand over a view; HelperError if the process has ended."""
        self._send(view)

    def receive(self) -> "Made":
        """Wait for the proposal of the view that was sent.

        HelperError if the process ends, or if what it sends cannot be read here.
        """
        try:
            message = self._made.recv_bytes()
        except (EOFError, OSError) as error:
            raise HelperError(self._last_words()) from error
        try:
            made: Made = _loaded(message)
        except Exception as error:  # a pickle runs what its classes please, and raises what they do
            why = f"{type(error).__name__}: {error}"
            raise HelperError(f"what it made cannot be read ({why})") from error
        return made

    def close(self) -> None:
        """End the process; it has nothing to save."""
        self._views.close()
        self._made.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _send(self, message: object) -> None:
        try:
            self._views.send_bytes(ForkingPickler.dumps(message))
        except OSError as error:
            raise HelperError(self._last_words()) from error
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise HelperError(f"the sampler cannot be handed to it ({error})") from error

    def _last_words(self) -> str:
        try:
            code = self._process.wait(_LOOK)
        except subprocess.TimeoutExpired:
            return "it no longer answers"
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        if code >= 0:
            return f"it ended with exit code {code}{f': {said[-1]}' if said else ''}"
        name = signal.Signals(-code).name
        return f"it was ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def main(parent: int) -> None:
    """Make proposals until the search, of that process number, is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):  # not Linux, or not allowed: then the system chooses by itself
        # If memory ends, this process is to end, not the search.
        Path("/proc/self/oom_score_adj").write_text("1000")
    made = Connection(os.dup(1), readable=False)
    os.dup2(2, 1)  # what a sampler prints is no message
    messages: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(parent, messages), daemon=True).start()
    sampler: NamedSampler = _loaded(messages.get())
    from optimerge.search.making import make_proposal

    _hush()
    while True:
        made.send(make_proposal(_loaded(messages.get()), sampler))


def _listen(parent: int, messages: "SimpleQueue[bytes]") -> None:
    """Put messages into the queue; end the process, whatever it is at, once the search is gone."""
    views = Connection(os.dup(0), writable=False)
    try:
        while os.getppid() == parent:
            if views.poll(_LOOK):
                messages.put(views.recv_bytes())
    except (EOFError, OSError):
        pass
    os._exit(0)


def _loaded(message: bytes) -> Any:
    return ForkingPickler.loads(message)


def _hush() -> None:
    """Say nothing of what samplers chat about: nobody reads it."""
    import logging
    import warnings

    warnings.simplefilter("ignore")
    logging.disable()
