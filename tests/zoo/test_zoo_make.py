import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from optimerge.errors import RunError
from optimerge.zoo import DEFAULT, HARD, TINY, Zoo, default_directory, make_zoo
from optimerge.zoo.make import cached_zoo


def weights(zoo: Zoo) -> dict[str, bytes]:
    """Return each parent's safetensors file whole."""
    return {name: (path / "model.safetensors").read_bytes() for name, path in zoo.parents.items()}


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_parents_are_checkpoints_that_transformers_loads(tiny: Zoo) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert list(tiny.parents) == ["base", "add", "sort", "shift"]
    for folder in tiny.parents.values():
        model = AutoModelForCausalLM.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        assert model.dtype == torch.float32
        inputs = tokenizer(["add 4 7 + 3 8 =", "sort + a c b d ="], padding=True)
        ids = torch.tensor(inputs["input_ids"])
        assert ids[0, -1] == tokenizer.convert_tokens_to_ids("=")
        assert model(ids).logits.shape == (2, ids.shape[1], len(tokenizer))
        assert model.config.eos_token_id == tokenizer.eos_token_id


def test_the_experts_differ_from_the_base_in_every_matrix(tiny: Zoo) -> None:
    from safetensors.torch import load_file

    base = load_file(tiny.base / "model.safetensors")
    for folder in tiny.experts.values():
        expert = load_file(folder / "model.safetensors")
        assert expert.keys() == base.keys()
        assert all((expert[name] != tensor).any() for name, tensor in base.items())


def test_the_same_seed_gives_the_same_bytes(tiny: Zoo, tmp_path: Path) -> None:
    again = make_zoo(tmp_path / "again", TINY)
    assert not again.reused
    assert weights(again) == weights(tiny)
    for path in [
        *(tiny.directory / "tasks").glob("*.jsonl"),
        tiny.space,
        tiny.base / "tokenizer.json",
    ]:
        assert (again.directory / path.relative_to(tiny.directory)).read_bytes() == (
            path.read_bytes()
        )


def test_another_seed_gives_other_models(tiny: Zoo, tmp_path: Path) -> None:
    other = weights(make_zoo(tmp_path / "other", replace(TINY, seed=1)))
    assert all(other[name] != data for name, data in weights(tiny).items())


def test_a_zoo_of_four_tasks_knows_the_fourth(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    config = replace(TINY, tasks=HARD.tasks, base_steps=2, expert_steps=1)
    zoo = make_zoo(tmp_path / "four", config)
    assert list(zoo.experts) == ["add", "sort", "shift", "rank"]
    tokenizer = AutoTokenizer.from_pretrained(zoo.experts["rank"])
    ids = tokenizer("rank - d b c a =")["input_ids"]
    assert tokenizer.unk_token_id not in ids
    record = json.loads((zoo.base / "config.json").read_text())
    assert record["vocab_size"] == len(tokenizer) == ids[0] + 1


def test_the_callers_torch_is_as_before(tmp_path: Path) -> None:
    import torch

    generator, threads = torch.random.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        make_zoo(tmp_path / "zoo", TINY)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.random.get_rng_state(), generator)


@pytest.mark.usefixtures("nobody_trains")
def test_a_zoo_is_used_again(tiny: Zoo) -> None:
    again = make_zoo(tiny.directory, TINY)
    assert again.reused
    assert again.seconds == pytest.approx(tiny.seconds, abs=0.01)
    assert again.cpu_seconds == pytest.approx(tiny.cpu_seconds, abs=0.01)
    assert set(again.seconds) == {"libraries", "items", "base", "experts", "files"}


def contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture
def cache(tiny: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny zoo in a cache of the user."""
    monkeypatch.setenv("OPTIMERGE_CACHE", str(tmp_path / "cache"))
    shutil.copytree(tiny.directory, default_directory(TINY))
    return default_directory(TINY)


@pytest.mark.usefixtures("nobody_trains")
def test_a_zoo_that_the_cache_holds_is_copied_byte_for_byte(
    tiny: Zoo, cache: Path, tmp_path: Path
) -> None:
    before = contents(cache)
    said: list[str] = []
    copy = make_zoo(tmp_path / "zoo", TINY, said.append, from_cache=True)
    assert (copy.reused, copy.copied_from) == (False, cache)
    assert said == [f"copying the same models from {cache}"]
    assert contents(cache) == before
    found, made = contents(copy.directory), contents(tiny.directory)
    with_paths = {name for name in made if name.endswith(("zoo.json", ".yaml")) and name != "space.yaml"}  # fmt: skip
    assert found.keys() == made.keys()
    assert all(found[name] == made[name] for name in made.keys() - with_paths)
    for name in with_paths:
        there = made[name].replace(bytes(tiny.directory), bytes(copy.directory))
        assert found[name] == there
    assert make_zoo(tmp_path / "zoo", TINY).reused
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "zoo"]


@pytest.mark.parametrize("why", ["another seed", "not whole", "not asked"])
def test_a_zoo_that_the_cache_does_not_hold_is_trained(
    cache: Path, tmp_path: Path, why: str
) -> None:
    config = replace(TINY, seed=1) if why == "another seed" else TINY
    if why == "not whole":
        shutil.rmtree(cache / "sort")
    zoo = make_zoo(tmp_path / "zoo", config, from_cache=why != "not asked")
    assert (zoo.reused, zoo.copied_from) == (False, None)


@pytest.mark.usefixtures("nobody_trains")
def test_a_moved_zoo_gets_its_paths_written_again(tiny: Zoo, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(tiny.directory, moved)
    assert make_zoo(moved, TINY).reused
    assert str(tiny.directory) not in (moved / "tasks/zoo_add.yaml").read_text()
    assert str(moved) in (moved / "tasks/zoo_add.yaml").read_text()
    assert json.loads((moved / "zoo.json").read_text())["location"] == str(moved)


def test_a_zoo_of_another_config_or_with_a_part_missing_is_made_again(
    tiny: Zoo, tmp_path: Path
) -> None:
    folder = tmp_path / "zoo"
    shutil.copytree(tiny.directory, folder)
    shutil.rmtree(folder / "sort")
    assert not make_zoo(folder, TINY).reused
    assert weights(make_zoo(folder, TINY)) == weights(tiny)
    other = make_zoo(folder, replace(TINY, seed=1))
    assert not other.reused
    assert weights(other) != weights(tiny)
    assert [path.name for path in tmp_path.iterdir()] == ["zoo"]


@pytest.mark.usefixtures("nobody_trains")
@pytest.mark.parametrize("record", [None, "", "[]", "{}", '{"digest": 3}'])
def test_a_foreign_folder_is_refused_and_left_alone(tmp_path: Path, record: str | None) -> None:
    (tmp_path / "thesis.txt").write_text("dear")
    if record is not None:
        (tmp_path / "zoo.json").write_text(record)
    before = files_below(tmp_path)
    with pytest.raises(RunError, match="not a zoo"):
        make_zoo(tmp_path, TINY)
    assert files_below(tmp_path) == before


@pytest.mark.usefixtures("nobody_trains")
def test_a_zoo_with_a_guest_is_not_replaced(tiny: Zoo, tmp_path: Path) -> None:
    folder = tmp_path / "zoo"
    shutil.copytree(tiny.directory, folder)
    (folder / "my-run").mkdir()
    with pytest.raises(RunError, match="my-run"):
        make_zoo(folder, replace(TINY, seed=1))
    assert make_zoo(folder, TINY).reused


@pytest.mark.usefixtures("nobody_trains")
def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zoo").write_text("")
    with pytest.raises(RunError, match="is a file"):
        make_zoo(tmp_path / "zoo", TINY)
    with pytest.raises(RunError, match="cannot be written"):
        make_zoo(tmp_path / "zoo" / "below", TINY)


def test_an_empty_folder_is_filled_and_progress_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    zoo = make_zoo(tmp_path, TINY, said.append)
    assert zoo.directory == tmp_path
    assert any("base" in line for line in said)
    assert all(any(task in line for line in said) for task in TINY.tasks)


@pytest.mark.parametrize("stage", ["the base", "the expert in sort"])
def test_an_interrupted_making_leaves_nothing(tmp_path: Path, stage: str) -> None:
    def interrupt(line: str) -> None:
        if stage in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_zoo(tmp_path / "deep" / "zoo", TINY, interrupt)
    assert files_below(tmp_path) == ["deep"]


def test_the_first_of_two_makers_wins(
    tiny: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optimerge.zoo import create

    folder = tmp_path / "zoo"

    def slow(*_: object) -> dict[str, float]:
        shutil.copytree(tiny.directory, folder)
        return {}

    monkeypatch.setattr(create, "create", slow)
    assert make_zoo(folder, TINY).reused
    assert [path.name for path in tmp_path.iterdir()] == ["zoo"]


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"zoo-{DEFAULT.digest()[:8]}"
    monkeypatch.setenv("OPTIMERGE_CACHE", "/own")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert default_directory() == Path("/own") / name
    monkeypatch.delenv("OPTIMERGE_CACHE")
    assert default_directory() == Path("/xdg/optimerge") / name
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_directory() == Path("/home/me/.cache/optimerge") / name
    assert default_directory(TINY).name == f"zoo-{TINY.digest()[:8]}"


def older(zoo: Zoo, folder: Path) -> None:
    """Copy a zoo as the first format wrote it: without `cpu_seconds`, of another digest."""
    shutil.copytree(zoo.directory, folder)
    record = json.loads((folder / "zoo.json").read_text())
    del record["cpu_seconds"]
    (folder / "zoo.json").write_text(json.dumps({**record, "digest": "0" * 64}))


def test_a_zoo_of_an_older_format_is_made_again(tiny: Zoo, tmp_path: Path) -> None:
    older(tiny, tmp_path / "zoo")
    again = make_zoo(tmp_path / "zoo", TINY)
    assert not again.reused
    assert weights(again) == weights(tiny)


def test_a_cache_folder_with_a_foreign_file_is_left_alone_and_one_beside_it_used(
    tiny: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIMERGE_CACHE", str(tmp_path))
    cache = default_directory(TINY)
    older(tiny, cache)
    (cache / "thesis.txt").write_text("dear")
    before = files_below(cache)
    found = cached_zoo(TINY)
    assert found.directory == cache.with_name(f"{cache.name}-2")
    assert cached_zoo(TINY).reused
    assert files_below(cache) == before


@pytest.mark.usefixtures("nobody_trains")
def test_a_cache_where_nothing_is_free_is_refused_by_its_first_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIMERGE_CACHE", str(tmp_path))
    first = default_directory(TINY)
    for number in range(1, 11):
        taken = first if number == 1 else first.with_name(f"{first.name}-{number}")
        taken.write_text("a file")
    with pytest.raises(RunError, match=f"{first.name}: is a file"):
        cached_zoo(TINY)
