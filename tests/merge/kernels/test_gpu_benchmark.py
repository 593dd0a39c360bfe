"""benchmarks/gpu.py builds every method's candidate, and says where it cannot measure."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from triton_cases import quick_interpreter

from optimerge.merge.kernels.reference import TorchKernels
from optimerge.merge.kernels.triton_kernels import TritonKernels

FILE = Path(__file__).parents[3] / "benchmarks" / "gpu.py"


@pytest.fixture(scope="module")
def gpu() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_benchmark", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gpu_benchmark"] = module
    spec.loader.exec_module(module)
    return module


def test_the_shape_is_that_of_a_mistral_of_7_billion(gpu: ModuleType) -> None:
    shapes = gpu.mistral(32)
    assert len(shapes) == 291
    assert sum(torch.Size(shape).numel() for shape in shapes) == 7_241_732_096


def test_every_method_is_merged_as_by_the_reference(gpu: ModuleType) -> None:
    kernels = TritonKernels("cpu")
    arenas = gpu.made([(40, 30), (30,)], "cpu")
    with quick_interpreter():
        for method in gpu.METHODS:
            jobs = gpu.jobs_of(method, arenas, kernels)
            gpu.candidate(method, jobs, kernels)
            for job in jobs:
                wanted = torch.empty_like(job.out)
                TorchKernels().merge(job.program, job.base, job.sources, wanted)
                assert torch.equal(job.out, wanted), method


def test_a_merge_that_changes_nothing_is_not_timed(gpu: ModuleType) -> None:
    kernels = TritonKernels("cpu")
    arenas = gpu.made([(30,)], "cpu")
    for expert in arenas.experts[0]:
        expert.copy_(arenas.base[0])
    with quick_interpreter(), pytest.raises(SystemExit, match="changed nothing"):
        gpu.timed("task_arithmetic", arenas, kernels, 1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says so only where there is no GPU")
def test_without_a_gpu_it_says_so_in_one_sentence() -> None:
    done = subprocess.run([sys.executable, str(FILE)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "benchmarks/gpu.py needs an NVIDIA GPU with CUDA, and torch sees none here"
    ]
