"""Runs code in a Python of its own, for laws about what an import brings along."""

import os
import subprocess
import sys


def run_python(code: str, given: bytes = b"") -> str:
    """Return what code prints in a process of its own, with another hash seed."""
    path = os.pathsep.join(each for each in sys.path if each)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        input=given,
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": "123", "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def heavy_imports(module: str) -> set[str]:
    """Return which of the libraries that take seconds to import a module imports."""
    code = (
        f"import sys, {module};"
        "print(*{'optuna', 'numpy', 'torch', 'scipy', 'transformers'} & set(sys.modules))"
    )
    return set(run_python(code).split())
