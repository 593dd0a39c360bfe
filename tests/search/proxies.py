"""A gRPC proxy of a storage, in a process of its own that can be killed.

Run as a program (`proxies.py URL PORT`) it is that process.
"""

import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

NEEDS_GRPC = "needs grpcio and protobuf (pip install 'optimerge[grpc]')"


def no_grpc() -> bool:
    """Whether tests of the proxy cannot be run here."""
    try:
        import google.protobuf
        import grpc
    except ImportError:
        return True
    return not (grpc and google.protobuf)


class Proxy:
    """A proxy in front of a database's URL."""

    def __init__(self, url: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._behind = url
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"grpc://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        words = [sys.executable, __file__, self._behind, str(self._port)]
        self._process = subprocess.Popen(words)
        deadline = time.monotonic() + 120
        while True:
            assert self._process.poll() is None
            assert time.monotonic() < deadline
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End it as if its machine were gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(60)


@contextmanager
def proxy_of(url: str) -> Iterator[Proxy]:
    """Give a proxy that runs."""
    made = Proxy(url)
    made.start()
    try:
        yield made
    finally:
        made.kill()


def main(url: str, port: str) -> None:
    from optuna.exceptions import ExperimentalWarning
    from optuna.storages import run_grpc_proxy_server

    from optimerge.records.storage import open_database

    warnings.simplefilter("ignore", ExperimentalWarning)
    run_grpc_proxy_server(open_database(url), host="127.0.0.1", port=int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
