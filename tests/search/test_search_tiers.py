"""Memory: predicted against measured, the tier that is chosen, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.cli.main import run
from optimerge.errors import OptimergeError
from optimerge.merge.free import free_main, free_on, limit
from optimerge.merge.kernels.many import Job
from optimerge.merge.kernels.program import Program, Source, Term
from optimerge.merge.kernels.triton_kernels import TritonKernels
from optimerge.merge.need import Work, predicted
from optimerge.merge.probe import bytes_an_entry, peak_bytes
from optimerge.search.models import Models, open_models
from optimerge.search.tiers import Choice, choose_tier, needed, usable
from optimerge.space.read import read_space
from optimerge.space.settings import overridden
from optimerge.space.space import SearchSpace

LIKE_LARGE = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "MALLOC_MMAP_THRESHOLD_": "131072"}
"""glibc gives memory of more than 32 MiB back at once, and may keep freed pieces that are smaller:
the tensors of these models are, those that decide the peak of a large model are not."""
PROBE = Path(__file__).with_name("memory_probe.py")


def save_models(folder: Path, width: int, layers: int, tokens: int) -> None:
    """Write random bfloat16 Llamas base, red and blue, and a LoRA adapter on the base."""
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": tokens,
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }
    shapes = {"model.embed_tokens": (tokens, width), "lm_head": (tokens, width)}
    shapes["model.norm"] = (width,)  # type: ignore[assignment]
    held = {}
    generator = torch.Generator().manual_seed(1)
    for layer in range(layers):
        at = f"model.layers.{layer}."
        for name in ("q", "k", "v", "o"):
            shapes[f"{at}self_attn.{name}_proj"] = (width, width)
        shapes[f"{at}mlp.gate_proj"] = shapes[f"{at}mlp.up_proj"] = (4 * width, width)
        shapes[f"{at}mlp.down_proj"] = (width, 4 * width)
        for name in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"{at}{name}"] = (width,)  # type: ignore[assignment]
        for name in ("self_attn.q_proj", "mlp.up_proj"):
            module = f"base_model.model.{at}{name}"
            rows, columns = shapes[f"{at}{name}"]
            for side, shape in (("A", (8, columns)), ("B", (rows, 8))):
                held[f"{module}.lora_{side}.weight"] = torch.randn(shape, generator=generator) / 99
    start = {n: torch.randn(s, generator=generator).bfloat16() / 50 for n, s in shapes.items()}
    for name in ("base", "red", "blue"):
        (folder / name).mkdir(parents=True)
        (folder / name / "config.json").write_text(json.dumps(config))
        tensors = {f"{n}.weight": t for n, t in start.items()}
        if name != "base":
            tensors = {
                n: t + torch.randn(t.shape, generator=generator).bfloat16() / 500
                for n, t in tensors.items()
            }
        save_file(tensors, folder / name / "model.safetensors", metadata={"format": "pt"})
    (folder / "lora").mkdir()
    save_file(held, folder / "lora" / "adapter_model.safetensors")
    settings = {"peft_type": "LORA", "r": 8, "lora_alpha": 8}
    settings["target_modules"] = ["q_proj", "up_proj"]
    (folder / "lora" / "adapter_config.json").write_text(json.dumps(settings))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make models of about 40 million parameters, and tiny ones of the same kind."""
    large, tiny = tmp_path_factory.mktemp("large"), tmp_path_factory.mktemp("tiny")
    save_models(large, 768, 3, 8000)
    save_models(tiny, 64, 2, 100)
    return large, tiny


def predicted_and_measured(
    folders: tuple[Path, Path], tier: str, methods: str, models: str, mode: str = "fast"
) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, PROBE, *folders, tier, mode, methods, *models.split()],
        capture_output=True,
        text=True,
        env=LIKE_LARGE | {"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    print(tier, mode, methods, models, done.stdout.splitlines()[-1])
    predicted, measured = done.stdout.splitlines()[-1].split()[:2]
    return int(predicted), int(measured)


@pytest.mark.slow
def test_the_predicted_peak_is_within_a_tenth_of_the_measured(folders: tuple[Path, Path]) -> None:
    foretold, measured = predicted_and_measured(
        folders, "disk", "task_arithmetic", "base red base+lora"
    )
    assert foretold == pytest.approx(measured, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "methods"),
    [
        ("exact", "task_arithmetic"),
        ("exact", "dare_ties"),
        ("exact", "ties,della"),
        ("fast", "slerp,sce"),
    ],
)
def test_so_it_is_where_methods_work_by_their_own_kernels(
    folders: tuple[Path, Path], mode: str, methods: str
) -> None:
    """What they take and return, what is written of it, and what it is compared by."""
    foretold, measured = predicted_and_measured(folders, "disk", methods, "base red blue", mode)
    assert foretold == pytest.approx(measured, rel=0.1)


MANY = "task_arithmetic,dare_ties,della,model_stock"


@pytest.mark.slow
@pytest.mark.parametrize("tier", ["device", "disk"])
@pytest.mark.parametrize(
    ("methods", "models"),
    [
        ("task_arithmetic", "base red blue"),
        ("dare_ties", "base red blue"),
        ("task_arithmetic,della", "base red blue"),
        (MANY, "base red blue"),
        (MANY, "base red blue base+lora"),
    ],
)
def test_predicted_peaks_are_within_a_tenth_of_the_measured(
    folders: tuple[Path, Path], tier: str, methods: str, models: str
) -> None:
    foretold, measured = predicted_and_measured(folders, tier, methods, models)
    assert foretold == pytest.approx(measured, rel=0.1)


def test_a_launch_for_many_tensors_takes_what_is_predicted(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of a tensor's size. The kernels themselves allocate nothing."""

    class Nothing:
        def __getitem__(self, grid: object) -> object:
            return lambda *arguments, **constants: None

    kernels = TritonKernels("cpu")
    for name in ("merge", "totals"):
        monkeypatch.setattr(f"optimerge.merge.kernels.triton_merge.{name}", Nothing())
    monkeypatch.setattr("optimerge.merge.kernels.choose.kernels_for", lambda _: kernels)
    models = [open_checkpoint(name, folders[0]) for name in ("base", "red")]
    whole = Work(("task_arithmetic",))
    need = predicted(models, whole, "device", "cpu")
    jobs = []
    for info in models[0].merged.values():
        base, expert, out = (torch.empty(info.shape, dtype=torch.bfloat16).view(-1) for _ in "abc")
        jobs.append(Job(Program((Term(0.5),)), base, [Source(expert)], out))
    assert peak_bytes(lambda: kernels.merge_many(jobs)) == pytest.approx(need.buffers, rel=0.2)
    thinned = predicted(models, Work(("ties",)), "device", "cpu").buffers
    assert thinned > need.buffers + (1 << 18) * 4  # tables are made by torch's kernels


def opened(family: Path, memory: str | None = None) -> tuple[Models, SearchSpace]:
    space = overridden(read_space(family / "space.yaml"), memory=memory)
    return open_models(space), space


def chosen(
    monkeypatch: pytest.MonkeyPatch, family: Path, free: int, asked: str | None = None
) -> Choice:
    monkeypatch.setenv("OPTIMERGE_MEMORY", str(free))
    return choose_tier(*opened(family, asked), "cpu")


def test_the_first_tier_that_leaves_the_reserve_is_taken(
    made_family: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, space = opened(made_family)
    device, disk = (needed(models, space, tier).peak for tier in ("device", "disk"))
    assert disk < device
    enough = next(n for n in range(device, 2 * device) if usable(n) >= device)
    assert chosen(monkeypatch, made_family, enough).tier == "device"
    assert chosen(monkeypatch, made_family, enough - 1).tier == "disk"
    assert chosen(monkeypatch, made_family, disk).scarce
    assert "left for scoring, which is little" in chosen(monkeypatch, made_family, disk).text("cpu")
    assert chosen(monkeypatch, made_family, device, "device").tier == "device"
    assert chosen(monkeypatch, made_family, enough, "disk").tier == "disk"


def test_where_not_even_the_model_fits_it_is_refused(
    made_family: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, space = opened(made_family)
    disk = needed(models, space, "disk").peak
    with pytest.raises(OptimergeError, match=r"even with base and experts on disk .* are needed"):
        chosen(monkeypatch, made_family, disk - 1)
    with pytest.raises(OptimergeError, match=r"device tier: .*use --memory auto"):
        chosen(monkeypatch, made_family, disk, "device")


def test_check_and_search_say_the_tier_or_refuse(
    family: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    space, folder = family / "space.yaml", tmp_path / "run"
    assert run(["check", str(space), "--device", "cpu"]) == 0
    assert "free on cpu (device: base and experts beside the model)" in capsys.readouterr().out
    search = ["search", str(space), "--device", "cpu", "--run-dir", str(folder), "--trials", "5"]
    assert run([*search, "--memory", "disk"]) == 0
    assert "(disk tier: " in capsys.readouterr().err
    assert run([*search[:-1], "6"]) == 0  # the tier may change between resumes
    assert "(device tier: " in capsys.readouterr().err
    monkeypatch.setenv("OPTIMERGE_MEMORY", "1K")
    for command in (["check", str(space)], search):
        assert run(command) == 2
        assert "not enough memory: even with" in capsys.readouterr().err
    monkeypatch.setenv("OPTIMERGE_MEMORY", "much")
    assert run(["check", str(space)]) == 2
    assert "OPTIMERGE_MEMORY='much' is no size" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "size"), [("1000", 1000), ("2K", 2048), ("1.5G", 3 << 29), ("3MiB", 3 << 20)]
)
def test_the_limit_is_read_as_people_write_sizes(
    text: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIMERGE_MEMORY", text)
    assert limit() == size
    assert free_on("cpu") == size


def system(root: Path, cgroup: str, groups: dict[str, dict[str, object]]) -> Path:
    """Make the files in which Linux tells of memory; 100 MB of the machine are free."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 100000 kB\n")
    (root / "proc/self/cgroup").write_text(cgroup)
    for group, files in groups.items():
        place = root / "sys/fs/cgroup" / group
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / f"memory.{name}").write_text(f"{text}\n")
    return root


def test_limits_of_cgroups_count(tmp_path: Path) -> None:
    assert free_main(system(tmp_path / "none", "0::/\n", {})) == 100_000 * 1024
    own = {"max": 9_000_000, "current": 5_000_000, "stat": "anon 1\ninactive_file 1000000"}
    above = {"max": 4_000_000, "current": 2_000_000, "stat": "inactive_file 0"}
    free = {"max": "max", "current": 2_000_000, "stat": "inactive_file 0"}
    new = "0::/a/b\n"
    assert free_main(system(tmp_path / "own", new, {"a/b": own, "a": free})) == 5_000_000
    assert free_main(system(tmp_path / "above", new, {"a/b": own, "a": above})) == 2_000_000
    old = {"limit_in_bytes": 9_000_000, "usage_in_bytes": 8_000_000, "stat": "cache 5"}
    root = system(tmp_path / "old", "3:cpu:/x\n5:memory:/x\n", {"memory/x": old})
    assert free_main(root) == 1_000_000


def test_what_a_kernel_takes_is_counted_while_it_lives() -> None:
    def work() -> torch.Tensor:
        first = torch.ones(1000)
        second = first * 2  # 8000 bytes with the first
        del first
        view = second[:10]
        del second
        third = torch.ones(500)  # the view keeps 4000
        return view.add(1).sum() + third.sum()

    assert peak_bytes(work) == 8000
    assert peak_bytes(lambda: torch.ones(100).add_(1).view(10, 10)) == 400


def test_methods_that_are_not_fused_take_more_with_more_models() -> None:
    two, three = (bytes_an_entry("karcher", n, "fast", "bfloat16", "float32") for n in (2, 3))
    assert 20 < two < three < 80
