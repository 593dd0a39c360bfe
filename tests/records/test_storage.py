"""URLs of storages: what is missing or wrong is said in a sentence without the password."""

import sys

import pytest

from optimerge.errors import RunError
from optimerge.records.storage import kind_of, open_database


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("grpc://there:13000", "grpc", "grpc"),
        ("mysql+pymysql://me:s3cr3t@there/db", "pymysql", "mysql"),
        ("postgresql://me:s3cr3t@there/db", "psycopg", "postgresql"),
    ],
)
def test_a_driver_that_is_not_installed_is_said_with_the_remedy(
    url: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "optimerge.records.proxy", raising=False)
    with pytest.raises(RunError) as caught:
        open_database(url)
    assert str(caught.value).endswith(f"is not installed; pip install 'optimerge[{extra}]'")
    assert "s3cr3t" not in str(caught.value)


def test_a_proxy_has_a_port() -> None:
    for url in ("grpc://there", "grpc://there:http"):
        with pytest.raises(RunError, match="names no port; give grpc://HOST:PORT"):
            open_database(url)


@pytest.mark.parametrize(
    "url", ["oracle://me:s3cr3t@there/db", "redis://me:s3cr3t@x", "s3cr3t", "postgresql:s3cr3t"]
)
def test_what_is_no_storage_is_refused(url: str) -> None:
    with pytest.raises(RunError, match="is no storage that is known"):
        kind_of(url)


@pytest.mark.parametrize("sign", [" ", "'", '"', "\n", "<"])
def test_a_url_that_is_not_quoted_is_refused_unseen(sign: str) -> None:
    with pytest.raises(RunError, match="holds a space or a quote; write it with %20") as caught:
        open_database(f"postgresql://me:s3c{sign}r3t@there/db")
    assert "s3c" not in str(caught.value)
    assert "r3t" not in str(caught.value)


def test_what_a_driver_says_of_the_password_is_not_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def talkative(url: str, kind: str) -> None:
        raise OSError(f"no way to {url}: password 's3cr3t' or 'tok3n' is wrong\nmore")

    monkeypatch.setattr("optimerge.records.storage._patient_database", talkative)
    with pytest.raises(RunError) as caught:
        open_database("mysql://me:s3cr3t@there/db?ssl_token=tok3n")
    said = str(caught.value)
    assert "cannot be opened (no way to mysql://me:***@there/db" in said
    assert not any(word in said for word in ("s3cr3t", "tok3n", "\n"))
