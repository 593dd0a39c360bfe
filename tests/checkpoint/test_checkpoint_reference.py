import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from optimerge.checkpoint import hub
from optimerge.checkpoint.reference import ModelReference, find_here, resolve
from optimerge.errors import CheckpointError


def refused(reference, *words, relative_to=None):
    with pytest.raises(CheckpointError) as caught:
        resolve(reference, relative_to)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Put an empty Hub cache in place, and no Hub."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    return folder


@pytest.mark.parametrize(
    "text", ["a/b", "/abs/olute", "~/m", "./m", "org/name@v1.0", "m@refs/pr/1"]
)
def test_parse_and_write(text):
    assert str(ModelReference.parse(text)) == text


def test_parse_revision():
    assert ModelReference.parse("org/a@main") == ModelReference("org/a", "main")


@pytest.mark.parametrize("text", ["", " ", "@main", "a@", "a@b@c", "a\0b"])
def test_no_names(text):
    with pytest.raises(CheckpointError, match="no name of a model"):
        ModelReference.parse(text)


def test_folder_beside_the_recipe_then_current_folder(tmp_path, monkeypatch):
    recipe, here = tmp_path / "recipe", tmp_path / "here"
    for folder in (recipe / "both", here / "both", here / "mine", tmp_path / "home" / "far"):
        folder.mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert resolve("both", recipe) == recipe / "both"
    assert resolve("both") == here / "both"
    assert resolve("mine", recipe) == here / "mine"
    assert resolve("../here/mine") == here / "mine"
    assert resolve(str(here / "mine"), recipe) == here / "mine"
    assert resolve("~/far", recipe) == tmp_path / "home" / "far"


def test_folders_with_signs_in_their_names(tmp_path):
    for name in ("c++", "a@b"):
        (tmp_path / name).mkdir()
        assert resolve(name, tmp_path) == tmp_path / name


def test_a_file_is_no_model(tmp_path):
    (tmp_path / "model.safetensors").touch()
    refused(str(tmp_path / "model.safetensors"), "is a file", "name the folder")


def test_a_folder_has_no_revision(tmp_path):
    (tmp_path / "m").mkdir()
    refused("m@v1", "local folder", "no revision 'v1'", relative_to=tmp_path)


@pytest.mark.parametrize("name", ["./none", "/none", "a/b/c", "~nobody-here/x", "-x", "a" * 5000])
def test_paths_that_are_not_there(name, tmp_path, cache):
    refused(
        name, name, "correct the path" if name[0] != "~" else "without '~'", relative_to=tmp_path
    )


@pytest.mark.parametrize("name", ["zoo/srt", "./zoo/srt", "zoo/srt@v1"])
def test_a_misspelt_folder_is_told_its_neighbour(name, tmp_path, cache):
    (tmp_path / "zoo" / "sort").mkdir(parents=True)
    (tmp_path / "zoo" / "add").mkdir()
    refused(name, name, "did you mean 'zoo/sort'?", relative_to=tmp_path)


def test_offline(cache):
    refused(
        "org/name",
        "'org/name' is neither a folder nor a model of the Hub that can be reached; ",
        "HF_HUB_OFFLINE",
    )


def snapshot(cache: Path, files: list[str]) -> Path:
    repository = cache / "models--org--name"
    folder = repository / "snapshots" / ("0" * 40)
    folder.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    for name in files:
        (folder / name).write_text('{"weight_map": {"x": "model-1.safetensors"}}')
    return folder


@pytest.mark.parametrize(
    "files",
    [
        ["config.json", "model.safetensors"],
        ["config.json", "model.safetensors.index.json", "model-1.safetensors"],
    ],
)
def test_whole_snapshot_in_the_cache(cache, files):
    folder = snapshot(cache, files)
    assert resolve("org/name") == folder
    assert resolve("org/name@main") == folder


@pytest.mark.parametrize(
    "files",
    [["config.json"], ["model.safetensors"], ["config.json", "model.safetensors.index.json"]],
)
def test_half_a_snapshot_is_not_enough(cache, files):
    snapshot(cache, files)
    refused("org/name", "the local cache does not hold it")


def test_an_adapter_of_the_cache_needs_no_model_files(cache):
    folder = snapshot(cache, ["adapter_config.json", "adapter_model.safetensors"])
    assert resolve("org/name", holds=hub.is_whole_adapter) == folder
    refused("org/name", "the local cache does not hold it")


def test_what_is_asked_of_the_hub(cache, monkeypatch, tmp_path):
    asked = []

    def download(repository, **arguments):
        asked.append((repository, arguments))
        if arguments.get("local_files_only"):
            raise huggingface_hub.errors.LocalEntryNotFoundError("not there")
        return str(tmp_path)

    import huggingface_hub

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *a, **k: asked.append(k))
    assert resolve("org/name@v2") == tmp_path
    assert asked[1] == {"revision": "v2", "timeout": hub.TIMEOUT_SECONDS}
    repository, arguments = asked[2]
    assert (repository, arguments["revision"]) == ("org/name", "v2")
    files = [
        *("model.safetensors", "config.json", "tokenizer.model", "chat_template.jinja"),
        *("pytorch_model.bin", "x.pt", "modeling.py", "consolidated.safetensors"),
        *("original/model.safetensors", "README.md", "merges.txt"),
    ]
    wanted = huggingface_hub.utils.filter_repo_objects(
        files,
        allow_patterns=arguments["allow_patterns"],
        ignore_patterns=arguments["ignore_patterns"],
    )
    assert list(wanted) == [*files[:4], "merges.txt"]


class Silent(BaseHTTPRequestHandler):
    """A Hub that takes questions about models and never answers them."""

    def do_GET(self):
        if "/api/models/" in self.path:
            self.server.asked.set()
            self.server.stopped.wait(30)
        else:
            self.send_error(404)

    def log_message(self, *_):
        pass


@pytest.fixture
def silent_hub():
    with ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        server.asked, server.stopped = threading.Event(), threading.Event()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.stopped.set()
        server.shutdown()
        thread.join()


def test_what_is_here_is_found_and_nobody_is_asked(tmp_path, cache, silent_hub, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(
        "huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{silent_hub.server_port}"
    )
    assert find_here("org/name") is None
    folder = snapshot(cache, ["config.json", "model.safetensors"])
    assert find_here("org/name") == folder
    assert find_here("org/name@main") == folder
    (folder / "model.safetensors").unlink()
    assert find_here("org/name") is None
    (tmp_path / "mine").mkdir()
    assert find_here("mine", tmp_path) == tmp_path / "mine"
    with pytest.raises(CheckpointError, match="cannot be a model of the Hub"):
        find_here("./none", tmp_path)
    assert not silent_hub.asked.is_set()


def test_silent_hub_does_not_hang(tmp_path, silent_hub):
    code = (
        "from optimerge.checkpoint import hub; hub.TIMEOUT_SECONDS = 0.2\n"
        "from optimerge.checkpoint.reference import resolve\n"
        "resolve('org/name')"
    )
    environment = {
        "HF_ENDPOINT": f"http://127.0.0.1:{silent_hub.server_port}",
        "HF_HOME": str(tmp_path),
        "PYTHONPATH": str(Path(hub.__file__).parents[2]),
    }
    run = [sys.executable, "-c", code]
    ended = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=25)
    assert "ModelNotFoundError: 'org/name' is neither a folder nor a model" in ended.stderr
    assert silent_hub.asked.is_set()


def test_reading_headers_needs_no_heavy_import():
    code = (
        "import sys\n"
        "from optimerge.checkpoint import architecture, digest, differences, fit, folder\n"
        "from optimerge.checkpoint import headers, read, reference, sidefiles, write\n"
        "heavy = {'torch', 'numpy', 'transformers', 'safetensors', 'huggingface_hub'}\n"
        "print(heavy & set(sys.modules))"
    )
    run = [sys.executable, "-c", code]
    ended = subprocess.run(
        run, capture_output=True, text=True, check=True, cwd=Path(hub.__file__).parents[2]
    )
    assert ended.stdout.strip() == "set()"
