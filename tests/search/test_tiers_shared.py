"""A search whose model is on several devices: what is chosen, what is refused, what comes out."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from optimerge.cli import options
from optimerge.cli.devices import devices_for
from optimerge.cli.main import run
from optimerge.cli.options import chosen_device
from optimerge.errors import OptimergeError, RecipeError
from optimerge.search import tiers_shared
from optimerge.search.models import open_models
from optimerge.search.tiers import usable
from optimerge.search.tiers_shared import Spread, choose_tiers
from optimerge.space.read import read_space
from optimerge.space.settings import overridden
from optimerge.space.space import SearchSpace

TWO = "cpu:0,cpu:1"


def chosen(
    monkeypatch: pytest.MonkeyPatch, space: SearchSpace, free: dict[str, int], **settings: Any
) -> Spread:
    """Choose for devices with so much free each."""
    monkeypatch.setattr(tiers_shared, "free_on", free.__getitem__)
    wanted = overridden(space, device_map="auto", **settings)
    found = choose_tiers(open_models(wanted), wanted, ",".join(free))
    assert isinstance(found, Spread)
    return found


def peaks(found: Spread) -> list[int]:
    return [share.need.peak for share in found.shares]


def test_two_devices_hold_what_one_cannot(
    made_family: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = read_space(made_family / "space.yaml")
    whole = chosen(monkeypatch, space, {"cpu:0": 1 << 30})
    [peak] = peaks(whole)
    assert whole.tier == "device"
    working = sum(getattr(whole.shares[0].need, part) for part in ("temporaries", "buffers"))
    half = working + (peak - working) * 2 // 3
    free = next(n for n in range(half, 2 * half) if usable(n) >= half)
    assert chosen(monkeypatch, space, {"cpu:0": free}).tier == "disk"
    found = chosen(monkeypatch, space, {"cpu:0": free, "cpu:1": free})
    assert found.tier == "device"
    one, two = peaks(found)
    assert one + two == pytest.approx(peak + working, rel=0.05)
    assert abs(one - two) < 0.35 * peak  # four layers come out two and two, or one more
    with pytest.raises(OptimergeError, match=r"are needed on cpu:[01] and .* give it more devices"):
        chosen(monkeypatch, space, {"cpu:0": working, "cpu:1": working})


def test_the_larger_device_takes_more_and_the_first_all_in_sequence(
    made_family: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = read_space(made_family / "space.yaml")
    small, large = 1 << 22, 1 << 24
    one, two = peaks(chosen(monkeypatch, space, {"cpu:0": small, "cpu:1": large}))
    assert one < two
    wanted = overridden(space, device_map="sequential")
    monkeypatch.setattr(tiers_shared, "free_on", lambda _: large)
    found = choose_tiers(open_models(wanted), wanted, TWO)
    assert isinstance(found, Spread)
    assert set(found.device_map.values()) == {"cpu:0"}


def with_map(family: Path, folder: Path, device_map: Any) -> Path:
    data = yaml.safe_load((family / "space.yaml").read_text())
    data["search"]["device_map"] = device_map
    for each in [data["base_model"], *(m["model"] for m in data["models"])]:
        (folder / each).symlink_to(family / each)
    (folder / "tasks").symlink_to(family / "tasks")
    path = folder / "space.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


def front(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    assert run(["front", str(folder), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def test_a_search_on_two_devices_finds_what_one_on_one_device_does(
    made_family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    halves = {"": "cpu:0", "model.layers.2": "cpu:1", "model.layers.3": "cpu:1"}
    other = with_map(made_family, tmp_path, halves)
    found = []
    for space, folder in ((made_family / "space.yaml", "one"), (other, "two")):
        words = ["search", str(space), "--run-dir", str(tmp_path / folder), "--trials", "7"]
        assert run(words) == 0, capsys.readouterr().err
        if folder == "two":
            said = capsys.readouterr().err
            assert "device tier: " in said
            assert "on cpu:0, " in said
            assert "on cpu:1" in said
        found.append(front(tmp_path / folder, capsys))
    assert found[0] == found[1]
    assert run(["check", str(other)]) == 0
    assert "free on cpu:1 (device: base and experts" in capsys.readouterr().out
    # Where the model is may change between resumes, as its memory may.
    words = ["search", str(made_family / "space.yaml"), "--run-dir", str(tmp_path / "two")]
    assert run([*words, "--trials", "8"]) == 0


@pytest.mark.parametrize(
    ("device_map", "words"),
    [
        ({"": "cpu", "model.norm": "disk"}, "model.norm.weight is on 'disk'"),
        ({"model": "cpu"}, "lm_head.weight has no device"),
        ({"": 7}, "CUDA devices are there"),
        ({}, "an empty map has no device"),
        ("even", "device_map"),
    ],
)
def test_maps_that_cannot_be_are_refused_before_weights_are_read(
    made_family: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    device_map: Any,
    words: str,
) -> None:
    space = with_map(made_family, tmp_path, device_map)
    assert run(["search", str(space), "--run-dir", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "loading" not in said


def test_cuda_devices_may_be_given_by_number(made_family: Path, tmp_path: Path) -> None:
    space = read_space(with_map(made_family, tmp_path, {"model": 1, "lm_head": "cuda"}))
    assert space.search.device_map == {"model": "cuda:1", "lm_head": "cuda:0"}
    with pytest.raises(RecipeError, match="device_map"):
        other = tmp_path / "other"
        other.mkdir()
        read_space(with_map(made_family, other, {"model": True}))


def cuda(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_devices_are_shared_out_to_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda(monkeypatch, 5)
    every = [f"cuda:{i}" for i in range(5)]
    assert chosen_device("auto", "auto") == chosen_device("cuda", "balanced") == ",".join(every)
    assert chosen_device("cuda:3", "auto") == "cuda:3"
    assert chosen_device("cuda:3, cuda:1") == "cuda:3,cuda:1"
    assert devices_for(2, "auto", "auto") == [",".join(every[:3]), ",".join(every[3:])]
    assert devices_for(2, "cuda:4,cuda:2") == ["cuda:4", "cuda:2"]
    assert devices_for(2, "cpu", "auto") == ["cpu", "cpu"]
    with pytest.raises(OptimergeError, match="5 CUDA devices are there for them; give --workers 5"):
        devices_for(6, "auto", "auto")
    with pytest.raises(OptimergeError, match="names the devices of one worker"):
        devices_for(2, "auto", {"": "cuda:0"})
    with pytest.raises(OptimergeError, match="only different CUDA devices"):
        chosen_device("cuda:1,cuda:1")
    with pytest.raises(OptimergeError, match="5 CUDA devices are there"):
        chosen_device("cuda:1,cuda:5")
    with pytest.raises(OptimergeError, match=r"names its devices \(cuda:0, cuda:1\)"):
        chosen_device("cuda:2", {"model": "cuda:0", "lm_head": "cuda:1"})


def test_torchrun_is_refused(
    made_family: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run(["search", str(made_family / "space.yaml")]) == 2
    assert "tensor parallel" in capsys.readouterr().err
    monkeypatch.setenv("WORLD_SIZE", "1")
    options.refuse_torchrun()
