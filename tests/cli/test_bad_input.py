"""Bad input: one sentence on stderr that names what is wrong, exit code 2, nothing lost."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from optimerge.cli.main import run

Damage = Callable[[Path], None]


def edit(old: str, new: str) -> Damage:
    def apply(family: Path) -> None:
        file = family / "space.yaml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    return apply


def other_vocabulary(family: Path) -> None:
    file = family / "red" / "model.safetensors"
    tensors = load_file(file)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        tensors[name] = tensors[name][:-3].clone()
    save_file(tensors, file, metadata={"format": "pt"})
    set_config(family / "red", vocab_size=21)


def other_architecture(family: Path) -> None:
    set_config(family / "red", architectures=["Qwen2ForCausalLM"], model_type="qwen2")


def other_width(family: Path) -> None:
    file = family / "red" / "model.safetensors"
    tensors = load_file(file)
    name = "model.layers.0.mlp.up_proj.weight"
    tensors[name] = tensors[name][:-4].clone()
    save_file(tensors, file, metadata={"format": "pt"})


def set_config(folder: Path, **changes: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def unknown_type(family: Path) -> None:
    for name in ("base", "red", "blue"):
        set_config(family / name, model_type="strange", architectures=["StrangeForCausalLM"])


def no_head(family: Path) -> None:
    for name in ("base", "red", "blue"):
        file = family / name / "model.safetensors"
        tensors = load_file(file)
        del tensors["lm_head.weight"]
        save_file(tensors, file, metadata={"format": "pt"})


def truncated(family: Path) -> None:
    file = family / "blue" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def missing_shard(family: Path) -> None:
    folder = family / "blue"
    names = list(load_file(folder / "model.safetensors"))
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    places = {n: f"model-0000{1 + (n == 'lm_head.weight')}-of-00002.safetensors" for n in names}
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def pickled(family: Path) -> None:
    (family / "red" / "model.safetensors").rename(family / "red" / "pytorch_model.bin")


def too_few_items(family: Path) -> None:
    edit("search_items: 30", "search_items: 300")(family)
    edit("trials: 8", "trials: 8, strict: true")(family)


def no_models(family: Path) -> None:
    (family / "red").rename(family / "elsewhere")


CASES: list[tuple[str, Damage, list[str]]] = [
    ("no such file", lambda f: (f / "space.yaml").unlink(), ["space.yaml: no such file"]),
    ("yaml syntax", edit("models:", "models: ["), ["space.yaml: line "]),
    ("unknown key", edit("base_model:", "basemodel:"), ["'basemodel'", "did you mean 'base_model'?"]),
    ("unknown method", edit("dare_ties", "dare-ties"), ["'dare-ties'", "did you mean 'dare_ties'?"]),
    ("parameter the method lacks", edit("density", "gamma"), ["dare_ties has no parameter 'gamma'"]),
    ("range upside down", edit("{low: 0.1, high: 1.0}", "{low: 1.0, high: 0.1}"), ["density", "low 1 is above high 0.1; swap them"]),
    ("range off the legal one", edit("{low: 0.1, high: 1.0}", "{low: 0.1, high: 3}"), ["density is 3", "between 0 and 1"]),
    ("another vocabulary", other_vocabulary, ["red", "base", "21", "24", "vocabular"]),
    ("another architecture", other_architecture, ["red", "base", "llama", "qwen2"]),
    ("another shape", other_width, ["model.layers.0.mlp.up_proj.weight", "20 x 16", "24 x 16"]),
    ("a type without a class", unknown_type, ["base", "model type 'strange'", "merged in place"]),
    ("a weight not in the files", no_head, ["base does not hold lm_head.weight", "LlamaForCausalLM"]),
    ("missing shard", missing_shard, ["model-00002-of-00002.safetensors"]),
    ("truncated file", truncated, ["blue", "model.safetensors", "bytes"]),
    ("pickled weights", pickled, ["pytorch_model.bin", "safetensors"]),
    ("no model there", no_models, ["'red'"]),
    ("unknown task", edit("task: echo", "task: ecco"), ["'ecco'", "did you mean 'echo'"]),
    ("unknown metric", edit("task: echo", "task: echo, metric: accc"), ["'accc'", "acc"]),
    ("too few items", too_few_items, ["echo", "300", "60"]),
    ("unknown sampler", edit("sampler: random", "sampler: randm"), ["'randm'", "did you mean 'random'?"]),
    ("too many layer groups", edit("{low: 0.1, high: 1.0}", "{low: 0.1, high: 1.0, layer_groups: 9}"), ["9 layer groups", "4 layers"]),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.parametrize("command", ["check", "search"])
@pytest.mark.parametrize(("name", "damage", "words"), CASES, ids=[c[0] for c in CASES])
def test_a_broken_space_or_model_is_one_sentence(
    family: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    name: str,
    damage: Damage,
    words: list[str],
) -> None:
    damage(family)
    arguments = [command, str(family / "space.yaml")]
    if command == "search":
        arguments += ["--run-dir", str(tmp_path / "run")]
    assert run(arguments) == 2
    one_sentence(capsys.readouterr().err, words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("words", [["check"], ["check", "--offline"], ["search"]])
@pytest.mark.parametrize(
    ("old", "new"),
    [("task: echo", "task: ecko"), ("task: echo", "task: echo, metric: f2")],
    ids=["task", "metric"],
)
def test_a_task_that_cannot_be_used_is_told_with_the_spaces_file(
    family: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    old: str,
    new: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    edit(old, new)(family)
    space = family / "space.yaml"
    assert run([*words, str(space)]) == 2
    error = capsys.readouterr().err
    one_sentence(error, [f"Error: {space}: objective "])
    assert error.count(str(space)) == 1


def one_sentence(text: str, words: list[str]) -> None:
    lines = [line for line in text.splitlines() if not line.endswith(" ...")]
    assert len(lines) == 1, text
    assert lines[0].startswith("Error: ")
    for word in words:
        assert word in lines[0], lines[0]


def test_a_run_folder_of_another_space_is_left_alone(
    family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space, folder = family / "space.yaml", tmp_path / "run"
    assert run(["search", str(space), "--run-dir", str(folder), "--trials", "4"]) == 0
    before = (folder / "study.journal").read_bytes()
    edit("{low: 0.1, high: 1.0}", "{low: 0.2, high: 1.0}")(family)
    capsys.readouterr()
    assert run(["search", str(space), "--run-dir", str(folder)]) == 2
    error = capsys.readouterr().err
    one_sentence(error, ["another search space", "density.low was 0.1 and is 0.2", "--run-dir"])
    assert (folder / "study.journal").read_bytes() == before


def test_a_run_folder_that_cannot_be_written_is_named(
    made_family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    folder = tmp_path / "file" / "run"
    assert run(["search", str(made_family / "space.yaml"), "--run-dir", str(folder)]) == 2
    one_sentence(capsys.readouterr().err, [str(folder), "cannot be written", "--run-dir"])


def test_a_second_search_in_the_same_folder_is_refused(
    made_family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from optimerge.search.lock import sole_writer

    with sole_writer(tmp_path):
        assert run(["search", str(made_family / "space.yaml"), "--run-dir", str(tmp_path)]) == 2
    one_sentence(capsys.readouterr().err, ["another search is at work"])


@pytest.mark.parametrize("command", ["status", "front", "export"])
def test_a_folder_that_holds_no_run_is_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run([command, str(tmp_path)]) == 2
    one_sentence(capsys.readouterr().err, [str(tmp_path), "holds no run"])


def test_a_journal_of_garbage_is_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.journal").write_bytes(b"\x00\xff garbage\nmore\n")
    assert run(["front", str(tmp_path)]) == 2
    one_sentence(capsys.readouterr().err, ["study.journal"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["methods", "tie"], ["'tie'", "did you mean 'ties'?"]),
        (["serch"], ["serch"]),
        (["search"], ["SPACE"]),
        (["search", "x.yaml", "--trials", "0"], ["--trials"]),
        (["build", "no.yaml", "out"], ["no.yaml: no such file"]),
    ],
)
def test_wrong_arguments_exit_with_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    assert run(arguments) == 2
    text = capsys.readouterr().err
    assert "Traceback" not in text
    for word in words:
        assert word in text
