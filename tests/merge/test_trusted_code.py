"""A model's own Python runs only where the user lets it; what transformers adds unasked is refused.

The code of these models leaves a file behind when it is imported.
"""

import json
import pickle
import sys
from pathlib import Path

import pytest

from optimerge.calibration.calibrate import Request, calibrate
from optimerge.calibration.documents import Documents
from optimerge.checkpoint.code import code_of
from optimerge.checkpoint.folder import open_checkpoint
from optimerge.errors import CheckpointError
from optimerge.merge.resident import check_in_place, load_model
from optimerge.records.run import open_run
from optimerge.search.models import open_models
from optimerge.search.session import open_session
from optimerge.search.tokenizer import load_tokenizer
from optimerge.space.read import read_space

CODE = """\
import pathlib
from transformers import LlamaConfig, LlamaForCausalLM

pathlib.Path({marker!r}).touch()


class MineConfig(LlamaConfig):
    model_type = "mine"


class MineForCausalLM(LlamaForCausalLM):
    config_class = MineConfig
"""
MAP = {"AutoConfig": "mine.MineConfig", "AutoModelForCausalLM": "mine.MineForCausalLM"}


@pytest.fixture
def coded(family: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The family, its models of a type that transformers does not know; the base has the code."""
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("base", "red", "blue"):
        change(family / name, model_type="mine", auto_map=MAP, architectures=["MineForCausalLM"])
        (family / name / "mine.py").write_text(CODE.format(marker=str(tmp_path / "ran")))
    return family


def change(folder: Path, **settings: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | settings))


def ran(coded: Path) -> bool:
    return (coded.parent / "ran").exists()


def test_a_model_s_own_code_does_not_run_without_the_flag(coded: Path) -> None:
    base = open_checkpoint(str(coded / "base"))
    for use in (check_in_place, load_model):
        with pytest.raises(CheckpointError, match=r"\(mine\.py\).*--trust-remote-code.*build"):
            use(base)
    with pytest.raises(CheckpointError, match="--trust-remote-code"):
        calibrate(str(coded / "base"), request(), coded / "statistics")
    with pytest.raises(CheckpointError, match="--trust-remote-code"):
        open_session(read_space(coded / "space.yaml"), coded / "run", device="cpu")
    assert not ran(coded)
    assert not (coded / "run" / "study.journal").exists()


def test_a_tokenizer_s_own_code_does_not_run_without_the_flag(coded: Path) -> None:
    file = coded / "base" / "tokenizer_config.json"
    own = {"auto_map": {"AutoTokenizer": ["mine.Slow", None]}, "tokenizer_class": "SlowTokenizer"}
    file.write_text(json.dumps(json.loads(file.read_text()) | own))
    (coded / "base" / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"cannot load the tokenizer.*--trust-remote-code"):
        load_tokenizer(open_models(read_space(coded / "space.yaml")))
    assert not ran(coded)


def test_code_beside_a_model_that_transformers_knows_is_left_alone(coded: Path) -> None:
    change(coded / "base", model_type="llama")
    model = load_model(open_checkpoint(str(coded / "base")))
    assert type(model).__name__ == "LlamaForCausalLM"
    assert not ran(coded)


def test_with_the_flag_the_code_runs_is_said_and_recorded(coded: Path) -> None:
    said: list[str] = []
    space, folder = read_space(coded / "space.yaml"), coded / "run"
    session = open_session(space, folder, device="cpu", trust_code=True, say=said.append)
    assert type(session.engine.model).__name__ == "MineForCausalLM"
    assert ran(coded)
    [notice] = [text for text in said if "--trust-remote-code" in text]
    assert f"mine.py of {coded / 'base'}" in notice
    assert open_run(folder).info.trust_code


def test_what_is_trusted_later_is_recorded_too(family: Path) -> None:
    space, folder = read_space(family / "space.yaml"), family / "run"
    assert not open_session(space, folder, device="cpu").run.info.trust_code
    assert open_session(space, folder, device="cpu", trust_code=True).run.info.trust_code
    assert open_run(folder).info.trust_code
    open_session(space, folder, device="cpu")
    assert open_run(folder).info.trust_code


def test_a_model_s_code_is_measured_with_the_flag(coded: Path) -> None:
    found = calibrate(str(coded / "base"), request(), coded / "statistics", trust_code=True)
    assert found[0].tensors > 0
    assert ran(coded)


def request() -> Request:
    return Request(Documents(("w1 w2 w3 w4", "w5 w6 w7"), "a test"), ("fisher",))


def test_code_that_is_not_there_is_said(coded: Path) -> None:
    (coded / "base" / "mine.py").unlink()
    with pytest.raises(CheckpointError, match=r"cannot make a model.*mine\.py"):
        load_model(open_checkpoint(str(coded / "base"), trust_code=True))


def test_the_code_that_a_folder_names_is_listed(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"auto_map": {"AutoConfig": "a.A", "AutoModel": "org/x--b.B", "odd": 3, "AutoTok": null}}'
    )
    (tmp_path / "tokenizer_config.json").write_text(
        '{"auto_map": {"AutoTokenizer": ["c.Slow", null]}}'
    )
    assert code_of(tmp_path) == ["a.py", "repository org/x", "c.py"]


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.marker,)


def test_an_adapter_beside_a_whole_model_is_refused(family: Path) -> None:
    """Transformers would add it to the model, and read its weights from a pickle."""
    (family / "base" / "adapter_config.json").write_text(
        '{"peft_type": "LORA", "base_model_name_or_path": "red", "target_modules": ["q_proj"]}'
    )
    (family / "base" / "adapter_model.bin").write_bytes(pickle.dumps(Payload(family / "ran")))
    for use in (check_in_place, load_model):
        with pytest.raises(CheckpointError, match="holds a whole model and a LoRA adapter"):
            use(open_checkpoint(str(family / "base")))
    assert not (family / "ran").exists()


@pytest.mark.parametrize("where", ["config", "text_config"])
def test_kernels_of_the_hub_are_not_run_because_a_config_says_so(family: Path, where: str) -> None:
    kernel = {"attn_implementation": "somebody/kernel"}
    change(family / "base", **(kernel if where == "config" else {"text_config": kernel}))
    with pytest.raises(CheckpointError, match=r"'somebody/kernel', code to download and run"):
        check_in_place(open_checkpoint(str(family / "base")))
