"""A build is uploaded to a Hub: every byte arrives, the token is nowhere to be seen."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_hub import TOKEN, Hub, Repository, fake_hub

import optimerge
from optimerge.errors import HubError
from optimerge.export.hub import prepare

RECIPE = """\
merge_method: ties
base_model: base
models:
- {model: red, parameters: {weight: 0.5, density: 0.4}}
- {model: blue, parameters: {weight: 0.3, density: 0.6}}
dtype: float32
"""
NAME = "org/merged-1"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
"""huggingface_hub 2.4 of its own HTTP client."""
Build = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with fake_hub() as server:
        yield server


@pytest.fixture
def build(made_family: Path, tmp_path: Path, hub: Hub) -> Build:
    """Run `optimerge build ... --push-to-hub` in a process of its own."""
    recipe = RECIPE.replace("model: ", f"model: {made_family}/")
    (tmp_path / "recipe.yaml").write_text(recipe)

    def do(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {
            **{k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "HF_TOKEN")},
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": TOKEN,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            **environment,
        }
        command = [
            sys.executable,
            "-m",
            "optimerge",
            "build",
            "recipe.yaml",
            "out",
            "--device",
            "cpu",
        ]
        done = subprocess.run(
            [*command, "--push-to-hub", NAME, *options],
            capture_output=True, text=True, cwd=tmp_path, env={k: v for k, v in env.items() if v},
        )  # fmt: skip
        assert TOKEN not in done.stdout + done.stderr
        return done

    return do


def held(folder: Path) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in folder.iterdir() if not f.name.startswith(".")}


@pytest.fixture
def here(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let this process talk to the fake Hub."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return monkeypatch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to upload; what it holds does not matter."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.safetensors").write_bytes(b"weights" * 100)
    (tmp_path / "out" / "README.md").write_text("---\ntags: [merge]\n---\n")
    (tmp_path / "out" / ".optimerge-build.json").write_text("{}")
    return tmp_path / "out"


@pytest.mark.slow
def test_all_bytes_arrive_and_nobody_else_sees_them(build: Build, hub: Hub, tmp_path: Path) -> None:
    done = build()
    assert done.returncode == 0, done.stderr
    assert hub.repositories[NAME].files == held(tmp_path / "out")
    assert {"README.md", "model.safetensors", "tokenizer.json"} <= hub.repositories[
        NAME
    ].files.keys()
    assert hub.repositories[NAME].private
    assert hub.tokens == {TOKEN}
    assert f"uploaded to {hub.url}/{NAME} (private)" in done.stdout
    assert b"# merged-1" in hub.repositories[NAME].files["README.md"]


@pytest.mark.slow
def test_what_was_stopped_goes_on_without_a_second_build(
    build: Build, hub: Hub, tmp_path: Path
) -> None:
    hub.refuse_below = 10_000  # the tokenizer; the weights arrive
    first = build()
    assert first.returncode == 2
    assert "wrote out: " in first.stdout
    assert first.stderr.strip().endswith("the same command goes on")
    assert "(400: this file is refused)" in first.stderr
    assert hub.repositories[NAME].files == {}
    weights = (tmp_path / "out" / "model.safetensors").stat()

    hub.refuse_below = 0
    second = build()
    assert second.returncode == 0, second.stderr
    assert "out is this build already: nothing is merged" in second.stdout
    assert (tmp_path / "out" / "model.safetensors").stat() == weights
    assert hub.repositories[NAME].files == held(tmp_path / "out")
    assert len(hub.sent) == len(set(hub.sent)) == 2  # nothing was sent twice


def test_a_token_that_is_wrong_is_not_shown(build: Build, hub: Hub, tmp_path: Path) -> None:
    done = build(HF_TOKEN="hf_wrongwrongwrongwrongwrong")
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not take the token (401: Invalid" in done.stderr
    assert "hf_wrong" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_private_and_public_are_what_was_asked_for(
    here: pytest.MonkeyPatch, hub: Hub, folder: Path
) -> None:
    assert optimerge.push_to_hub(folder, NAME) == f"{hub.url}/{NAME}"
    assert hub.repositories[NAME].private
    assert ".optimerge-build.json" not in hub.repositories[NAME].files
    with pytest.raises(HubError, match=f"{NAME} is there and is private; leave --public out"):
        optimerge.push_to_hub(folder, NAME, private=False)
    optimerge.push_to_hub(folder, "org/open", private=False)
    assert not hub.repositories["org/open"].private
    with pytest.raises(HubError, match="everybody can see it; give --public, or another name"):
        optimerge.push_to_hub(folder, "org/open")
    assert hub.repositories["org/open"].commits == 1


def test_another_models_weights_are_not_mixed_with_ours(
    here: pytest.MonkeyPatch, hub: Hub, folder: Path
) -> None:
    hub.repositories[NAME] = Repository(True, {"model-00001-of-00002.safetensors": b"theirs"})
    with pytest.raises(HubError, match="holds model-00001-of-00002"):
        optimerge.push_to_hub(folder, NAME)
    assert hub.repositories[NAME].commits == 0


def test_a_token_that_may_write_but_not_make_writes(
    here: pytest.MonkeyPatch, hub: Hub, folder: Path
) -> None:
    hub.repositories[NAME], hub.refuse_making = Repository(True), 403
    optimerge.push_to_hub(folder, NAME)
    assert hub.repositories[NAME].files["README.md"]


@pytest.mark.parametrize(
    ("status", "setting", "said"),
    [
        (0, ("HF_TOKEN", ""), "there is no token to write to the Hub with; log in with"),
        (403, None, "the token may not write to org (403: You don't have the rights"),
        (409, None, "the Hub has one of that name, or is busy with it (409"),
        (500, None, "the Hub refused (500"),
        (0, ("ENDPOINT", "http://127.0.0.1:9"), "the Hub cannot be reached ("),
        (0, ("HF_HUB_OFFLINE", True), "HF_HUB_OFFLINE is set; unset it to upload"),
    ],
    ids=["no token", "no right", "taken", "fault", "no network", "offline"],
)
def test_what_goes_wrong_is_one_sentence(
    here: pytest.MonkeyPatch,
    hub: Hub,
    tmp_path: Path,
    status: int,
    setting: tuple[str, object] | None,
    said: str,
) -> None:
    from huggingface_hub import constants

    hub.refuse_making = status
    if setting == ("HF_TOKEN", ""):
        here.setenv("HF_TOKEN", "")
        here.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    elif setting is not None:
        here.setattr(constants, *setting)
    with pytest.raises(HubError) as caught:
        prepare(NAME)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("name", ["merged", "a/b/c", "../x", "org/", "org/a b", "https://x/y"])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(HubError, match="give ORG/NAME"):
        prepare(name)
