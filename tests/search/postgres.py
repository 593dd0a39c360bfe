"""A PostgreSQL server of the tests' own, on a socket in a temporary folder."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NEEDS = "needs a PostgreSQL server (Debian: apt-get install postgresql) and psycopg"


def programs() -> Path | None:
    """Return the folder of the server's programs; None where it is not installed."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((path for path in found if (path / "initdb").exists()), None)


def missing() -> bool:
    """Whether tests of databases cannot be run here."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return True
    return programs() is None


class Server:
    """A server that is started and stopped; nobody but this user can reach it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._bin = folder, programs()
        self._user: dict[str, Any] = {}
        if os.getuid() == 0:  # the server refuses to run as root
            names = {each.pw_name: each for each in pwd.getpwall()}
            user = names.get("postgres") or names["nobody"]
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "tests", "--no-sync")

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        assert self._bin is not None
        done = subprocess.run(
            [str(self._bin / program), *arguments],
            capture_output=True, cwd=self._folder, check=False, **self._user,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert self._bin is not None
        settings = {"listen_addresses": "", "fsync": "off", "unix_socket_directories": self._folder}
        with (self._folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", self._data]
                + [word for key, value in settings.items() for word in ("-c", f"{key}={value}")],
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self._folder,
                **self._user,
            )
        deadline = time.monotonic() + 120
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log.txt").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it; connections are cut."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(120)

    def database(self) -> str:
        """Make a database and return its URL."""
        import psycopg

        self._databases += 1
        name = f"tests{self._databases}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://tests@/{name}?host={self._folder}"

    def _address(self, database: str) -> str:
        return f"host={self._folder} user=tests dbname={database}"

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self._address("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def server() -> Iterator[Server]:
    """Give a server that runs, in a short path: names of sockets are at most 107 bytes long."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        made = Server(folder)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder)
