"""Who is let in, what a browser is told, and that no address becomes a path."""

from pathlib import Path

import pytest
from dashboard_opened import Open
from report_cases import COPY, made, tell

from optimerge.dashboard.security import Guard, is_loopback
from optimerge.errors import OptimergeError


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "js").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "js" / "main.js").write_text("export {}")
    (folder / "notes.txt").write_text("not served")
    (tmp_path / "secret.js").write_text("root: secret")
    return folder


def test_a_page_of_a_stranger_that_leads_here_is_refused(three: Path, opened: Open) -> None:
    client = opened(three)
    for host in (
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "",
        "localhost@evil",
    ):
        answer = client.get("/api/runs", headers={"host": host})
        assert answer.status_code == 421, host
        assert "mine" not in answer.text
    for host in ("127.0.0.1:8000", "localhost:1234", "localhost", "[::1]:8000", "LOCALHOST:8000"):
        assert client.get("/api/runs", headers={"host": host}).status_code == 200, host


def test_nothing_but_reading_is_allowed(three: Path, opened: Open) -> None:
    client = opened(three)
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client.request(method, "/api/runs").status_code == 405
    assert client.head("/api/runs").status_code == 200


def test_every_answer_carries_the_policy(three: Path, opened: Open, page: Path) -> None:
    client = opened(three, static=page)
    for path in ("/", "/static/js/main.js", "/plotly.js", "/api/runs", "/api/runs/r7", "/nothing"):
        found = client.get(path).headers
        policy = found["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';"), path
        assert "unsafe-eval" not in policy
        assert found["x-content-type-options"] == "nosniff"
        assert found["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in found
    assert client.get("/api/runs").headers["cache-control"] == "no-store"
    assert client.get("/api/runs", headers={"host": "x"}).headers["x-frame-options"] == "DENY"


def test_the_page_and_its_files_are_served_by_name(three: Path, opened: Open, page: Path) -> None:
    client = opened(three, static=page)
    assert client.get("/").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/static/js/main.js").headers["content-type"].startswith("text/javascript")
    assert len(client.get("/plotly.js").content) > 1_000_000
    assert client.get("/static/notes.txt").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/../secret.js",
        "/static/%2e%2e/secret.js",
        "/static/..%2fsecret.js",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/api/runs/..%2f..%2fetc%2fpasswd",
        "/api/runs/%2fetc/trials",
        "/api/runs/r0/trials/..%2f..%2fevidence",
        "/api/runs/r0/trials/3/items/..%2f..%2f..%2fetc%2fpasswd",
        "/api/runs/r0/trials/3/diff/%2fetc%2fpasswd",
        "/api/runs/r0/trials/3%00",
    ],
)
def test_no_address_reaches_the_disk(path: str, three: Path, opened: Open, page: Path) -> None:
    answer = opened(three, static=page).get(path)
    assert answer.status_code == 404
    assert "root:" not in answer.text


def test_a_name_with_a_slash_is_one_name(tmp_path: Path, opened: Open) -> None:
    run = made(tmp_path / "mine", trials=2, failed=0)
    tell(run, run.parents, "expert:org/blue-7b", COPY, {"maths": 0.1, "code": 0.9, "nonzero": 0.5})
    client = opened(tmp_path / "mine")
    assert client.get("/api/runs/r0/trials/org%2Fblue-7b").json()["name"] == "org/blue-7b"
    assert client.get("/api/runs/r0/trials/0/diff/org%2Fblue-7b").status_code == 200
    assert client.get("/api/runs/r0/trials/org/blue-7b").status_code == 404


def test_strange_text_is_json_and_nothing_else(tmp_path: Path, opened: Open) -> None:
    run = made(tmp_path / "mine", trials=2, failed=0)
    odd = "expert:<img src=x onerror=alert(1)>\u2028\x1b[2J\ud800"
    tell(run, run.parents, odd, COPY, {"maths": 0.1, "code": 0.9, "nonzero": 0.5})
    client = opened(tmp_path / "mine")
    for path in ("", "/trials", "/history", "/choose?how=trial:%3Cb%3E"):
        answer = client.get(f"/api/runs/r0{path}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        answer.json()
    names = client.get("/api/runs/r0/trials").json()["trials"]["name"]
    assert "<img src=x onerror=alert(1)>\\u2028\\u001b[2J\ud800" in names


GUARD = Guard("192.168.7.7", "s3cret", 8000)


def test_other_machines_need_the_token_once(three: Path, opened: Open) -> None:
    client = opened(three, guard=GUARD)
    for path in ("/", "/api/runs", "/plotly.js", "/static/x.js"):
        answer = client.get(path)
        assert answer.status_code == 403, path
        assert "token" in answer.json()["error"]
    assert client.get("/?token=wrong").status_code == 403
    assert client.get("/api/runs", headers={"cookie": "optimerge-8000=wrong"}).status_code == 403
    welcome = client.get("/?token=s3cret&run=r0")
    assert welcome.headers["refresh"] == "0; url=/?run=r0"
    cookie = welcome.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.get("/api/runs").status_code == 200
    assert client.get("/api/runs", headers={"host": "192.168.7.7:8000"}).status_code == 200
    assert client.get("/api/runs", headers={"host": "192.168.7.8:8000"}).status_code == 421


def test_bound_to_all_addresses_names_are_still_looked_at() -> None:
    every = Guard("0.0.0.0", "t")
    assert every.knows("10.0.0.5:8000")
    assert not every.knows("evil.example:8000")


def test_loopback_is_told_from_the_rest() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert is_loopback("localhost")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("192.168.0.2")
    assert not is_loopback("host")


def test_a_password_in_an_error_is_not_shown(three: Path, opened: Open) -> None:
    with pytest.raises(OptimergeError) as caught:
        opened(three.parent / "none", url="postgresql://me:hunter2@127.0.0.1:1/runs")
    assert "hunter2" not in str(caught.value)
