"""Packages that announce plug-ins, as an installation leaves them on the path."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from optimerge import plugins
from optimerge.methods.registry import method_named

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package: its name, version, one module's text, and entry points by group."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def installed(
        name: str, module: str, points: Mapping[str, Mapping[str, str]], version: str = "1.2"
    ) -> None:
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [
            f"[optimerge.{kind}]\n" + "".join(f"{n} = {name}_module:{v}\n" for n, v in own.items())
            for kind, own in points.items()
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))
        (site / f"{name}_module.py").write_text(module)
        monkeypatch.syspath_prepend(site)  # forgets what importlib has seen of it
        _forget()

    _forget()
    yield installed
    _forget()
    for name in [n for n in sys.modules if n.endswith("_module")]:
        del sys.modules[name]


def _forget() -> None:
    plugins.forget()
    method_named.cache_clear()
