"""Compiles what the Triton back end would launch on an H200, through Triton's own launcher.

A driver that only names its target stands in for the GPU's, and `warmup` for the launch itself.
Prints, for each launch, its reads of 128 bits in PTX; a fused multiply-add is an error.
"""

from typing import Any

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from optimerge.merge.kernels import triton_merge, triton_norms
from optimerge.merge.kernels.many import Job, Sum
from optimerge.merge.kernels.program import Band, Program, Source, Term
from optimerge.merge.kernels.triton_kernels import TritonKernels

SIZE = 4096
PROGRAM = Program((Term(0.5, Band(1, 77)),), factor=1.5)


class Target:
    """A driver of a GPU that is not there."""

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: object = None) -> int:
        return 0


class Warmed:
    """A kernel whose launch is only compiled."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self.case = ""

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        def launch(*arguments: object, **constants: object) -> None:
            compiled = self.kernel.warmup(*arguments, grid=grid, **constants)
            ptx = compiled.asm["ptx"]
            assert "fma" not in ptx
            reads = ptx.count("ld.global.v4.b32")
            print(f"{self.case} {self.kernel.__name__}: {reads} wide reads")

        return launch


def main() -> None:
    driver.set_active(Target())
    kernels = [Warmed(triton_merge.merge), Warmed(triton_merge.totals), Warmed(triton_norms.norms)]
    triton_merge.merge, triton_merge.totals, triton_norms.norms = kernels
    steps = torch.zeros(SIZE, dtype=torch.int8)
    whole, half = torch.zeros(SIZE), torch.zeros(SIZE, dtype=torch.float16)
    brain = torch.zeros(SIZE, dtype=torch.bfloat16)
    cases = {
        "float32": (whole, Source(whole)),
        "float16": (half, Source(half)),
        "int8, long rows": (brain, Source(steps, torch.ones(2), SIZE // 2)),
        "int8, short rows": (brain, Source(steps, torch.ones(64), SIZE // 64)),
        "unaligned": (torch.zeros(SIZE + 1)[1:], Source(torch.zeros(SIZE + 1)[1:])),
    }
    back_end = TritonKernels("cpu")
    for name, (base, source) in cases.items():
        for kernel in kernels:
            kernel.case = name
        back_end.merge_many([Job(PROGRAM, base, [source], torch.zeros(SIZE).to(base.dtype))] * 2)
        back_end.norms_many([Sum(PROGRAM.terms[0].keep, base, source, 30)])


if __name__ == "__main__":
    main()
