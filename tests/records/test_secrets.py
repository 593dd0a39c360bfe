"""Passwords and tokens reach no log, no record and no export."""

import io
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimerge.cli.quiet import quiet
from optimerge.records.secrets import (
    SecretsFilter,
    environment_secrets,
    redacted,
    redacted_text,
)

TOKEN = "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYz"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://me:s3cret@db:5432/runs", "postgresql+psycopg://me:***@db:5432/runs"),
        ("mysql+pymysql://u:p%40ss@h/db?ssl=1", "mysql+pymysql://u:***@h/db?ssl=1"),
        ("postgresql://db/runs?user=me&password=x1", "postgresql://db/runs?user=me&password=***"),
        ("https://user:p@ss/w?rd@host/x", "https://user:***@host/x"),
        ("postgresql://u:a?b@h/db", "postgresql://u:***@h/db"),
        ("https://0123456789@host/x", "https://***@host/x"),
        ("redis://:pw123456@h:1", "redis://:***@h:1"),
        ("https://b/k?X-Amz-Signature=ab&part=2", "https://b/k?X-Amz-Signature=***&part=2"),
        ("https://h/?api_key=ab&sig=cd", "https://h/?api_key=***&sig=***"),
        ("two: a://u:p1@h and b://u:p2@h.", "two: a://u:***@h and b://u:***@h."),
    ],
)
def test_the_password_of_a_url_is_taken_out(url: str, shown: str) -> None:
    assert redacted(url) == shown
    assert redacted(shown) == shown


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///runs/a.db",
        "sqlite:////tmp/user@host/a.db",
        "grpc://host:13000",
        "https://host:80/a:b@c?q=x@y&tokenizer=t",
        "s3://bucket/folder",
        "no url: me:secret@db",
        "postgresql:///runs?host=/var/run",
    ],
)
def test_what_holds_no_secret_stays_as_it_is(url: str) -> None:
    assert redacted(url) == url


word = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=6, max_size=12)
odd = st.text(st.sampled_from("@:/?#&=%+!ab1"), max_size=6)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(user=word, start=word, middle=odd, end=word, query=st.booleans())
def test_no_password_survives_however_it_is_written(
    user: str, start: str, middle: str, end: str, query: bool
) -> None:
    password = f"Q{start}Q{middle}Z{end}Z"
    url = f"postgresql+psycopg://{user}:{password}@db.host/runs" + "?sslmode=require" * query
    if start.isdigit() and middle[:1] in ("/", "?", "#"):
        return
    shown = redacted(url)
    assert f"Q{start}Q" not in shown
    assert f"Z{end}Z" not in shown
    assert "db.host/runs" in shown


def test_secrets_are_found_by_the_names_of_variables() -> None:
    environment = {
        "HF_TOKEN": "value-of-hf",
        "HUGGING_FACE_HUB_TOKEN": "value-of-hub",
        "AWS_SECRET_ACCESS_KEY": "value/of+aws",
        "PGPASSWORD": "value-of-pg",
        "OPENAI_API_KEY": "value-of-api",
        "DATABASE_URL": "postgresql://me:value%20quoted@db/runs",
        "HF_TOKEN_PATH": "/home/me/token",
        "TOKENIZERS_PARALLELISM": "false-it-is",
        "MY_TOKEN": "1",
        "PATH": "/usr/bin",
    }
    assert set(environment_secrets(environment)) == {
        "value-of-hf",
        "value-of-hub",
        "value/of+aws",
        "value-of-pg",
        "value-of-api",
        "value%20quoted",
        "value quoted",
    }
    shown = redacted_text("a value-of-hf, b value quoted, c 1", environment)
    assert shown == "a ***, b ***, c 1"


def test_a_token_of_the_hub_is_known_by_its_form() -> None:
    assert redacted_text(f"Bearer {TOKEN}, again", {}) == "Bearer ***, again"


def logged(what: str, *arguments: object, error: bool = False) -> str:
    place = io.StringIO()
    handler = logging.StreamHandler(place)
    handler.addFilter(SecretsFilter())
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        if error:
            raise ConnectionError("postgresql://me:s3cret@db/runs is gone")
        logger.info(what, *arguments)
    except ConnectionError:
        logger.exception(what, *arguments)
    return place.getvalue()


def test_a_log_has_no_secret_in_arguments_or_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "very-secret-token")
    text = logged("asked %s with %s", "https://u:pw12@h/x", "very-secret-token")
    assert text == "asked https://u:***@h/x with ***\n"
    text = logged("lost", error=True)
    assert "s3cret" not in text
    assert "ConnectionError: postgresql://me:***@db/runs is gone" in text
    assert "Traceback" in text


def test_a_run_s_log_has_no_secret(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "very-secret-token")
    with quiet(tmp_path / "log.txt", studies=False):
        logging.getLogger("httpx").warning("GET https://h/?token=%s", "abc123")
        try:
            raise OSError("very-secret-token was refused")
        except OSError:
            logging.getLogger("optimerge.search").exception("trial 3 failed")
    text = (tmp_path / "log.txt").read_text()
    assert "GET https://h/?token=***" in text
    assert "OSError: *** was refused" in text
    assert "very-secret" not in text
    assert "abc123" not in text
