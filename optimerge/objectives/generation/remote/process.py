"""The worker's process: started, asked, ended."""

import os
import socket
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optimerge.errors import TaskError, TrialError
from optimerge.objectives.generation.remote import frames

WORKER = Path(__file__).with_name("worker.py")
LAST = 300
"""Characters of the worker's own last words that a message tells."""


class WorkerProcess:
    """A worker that answers one message at a time; TrialError if it dies, is late or fails.

    After such an error it is at an end: the next candidate needs a new one. It ends with this
    process, however that ends, because its socket does; Ctrl-C is not passed on to it.
    """

    def __init__(self, python: str) -> None:
        ours, theirs = socket.socketpair()
        # What vLLM prints goes to a file without a name, to be told when it fails.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        try:
            self._process = subprocess.Popen(
                [python, str(WORKER), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")},
            )
        except OSError as error:
            ours.close()
            self._said.close()
            raise TaskError(
                f"search.generation.vllm.python: {python} cannot be run ({error}); name the "
                "Python of an environment that has vLLM"
            ) from None
        finally:
            theirs.close()
        self._link = ours
        self._end = weakref.finalize(self, _end, self._process, ours, self._said)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def ask(
        self, seconds: float, header: dict[str, Any], parts: Sequence[Any] = ()
    ) -> dict[str, Any]:
        """Send a message and return the answer to it."""
        what = header["do"]
        self._link.settimeout(seconds)
        try:
            frames.send(self._link, header, parts)
            answer, _ = frames.receive(self._link)
        except TimeoutError:
            raise self._failed(f"did not {what} within {seconds:g} seconds") from None
        except (frames.Closed, ValueError):
            raise self._failed(f"ended while it was to {what}") from None
        if "error" in answer:
            raise self._failed(f"failed to {what} ({answer['error']})")
        found: dict[str, Any] = answer
        return found

    def end(self) -> None:
        """End the process, now; more than once does no harm."""
        self._end()

    def _failed(self, why: str) -> TrialError:
        self._process.kill()
        code = self._process.wait()
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, size - 4 * LAST))
        said = " ".join(self._said.read().decode(errors="replace").split())[-LAST:]
        self.end()
        words = f"; its last words: {said}" if said else ""
        return TrialError(f"the vLLM worker {why}, exit code {code}{words}")


def _end(process: "subprocess.Popen[bytes]", link: socket.socket, said: Any) -> None:
    link.close()
    process.kill()
    process.wait()
    said.close()
