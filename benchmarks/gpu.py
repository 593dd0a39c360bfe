"""Times a candidate on a GPU at the size of a 7.24B Mistral: three experts, bfloat16, statistics.

    python benchmarks/gpu.py [--device cuda:0] [--repeat 20] [--layers 32]

Random weights are made on the device: base N(0, 0.02), task vectors of 0.5, 2 and 5 % of that. A
candidate is what `merge_many` takes from the call to the sums on the host, every tensor anew.
Printed are milliseconds (median) beside a device copy of the same bytes, taken in turn. DELLA's
norms, a second reading, are counted with it; tables and places are made once and are not.
Needs about 80 GB on the device (100 GB for DELLA); with `--layers 8` a quarter of that.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from optimerge.merge.kernels.many import Job
    from optimerge.merge.kernels.program import Keep, Program, Source
    from optimerge.merge.kernels.triton_kernels import TritonKernels

GOALS = {"linear": 20.0, "task_arithmetic": 20.0, "ties": 32.0, "dare_ties": 32.0}
"""Milliseconds on an H200, at 32 layers."""
METHODS = (*GOALS, "breadcrumbs", "della")
SPREAD = 0.02
SHARES = (0.005, 0.02, 0.05)
WEIGHT = 0.4
DENSITY = 0.5
EPSILON = 0.1
OUTLIERS = 0.01


@dataclass(frozen=True)
class Arenas:
    """Base, experts and the model in one flat buffer each, every tensor padded to a block."""

    shapes: Sequence[tuple[int, ...]]
    base: "Sequence[Tensor]"
    experts: "Sequence[Sequence[Tensor]]"
    """Per tensor, each expert's."""
    model: "Sequence[Tensor]"
    whole: "tuple[Tensor, Tensor]"
    """The buffers of the first expert and of the model, for the copy."""


def mistral(layers: int) -> list[tuple[int, ...]]:
    """Return the shapes of a Mistral 7B with so many layers (32 in the original)."""
    hidden, inner, heads, vocabulary = 4096, 14336, 1024, 32000
    square, narrow, wide = (hidden, hidden), (heads, hidden), (inner, hidden)
    layer = [square, square, narrow, narrow, wide, wide, (hidden, inner), (hidden,), (hidden,)]
    return [(vocabulary, hidden), *layer * layers, (hidden,), (vocabulary, hidden)]


def made(shapes: Sequence[tuple[int, ...]], device: str) -> Arenas:
    """Fill arenas with random weights."""
    import torch

    from optimerge.merge.kernels.program import BLOCK

    sizes = [torch.Size(shape).numel() for shape in shapes]
    padded = [-(-size // BLOCK) * BLOCK for size in sizes]
    starts = [sum(padded[:i]) for i in range(len(padded))]
    generator = torch.Generator(device).manual_seed(0)
    buffers = [
        torch.zeros(sum(padded), dtype=torch.bfloat16, device=device)
        for _ in range(len(SHARES) + 2)
    ]
    views = [[b[a : a + n] for a, n in zip(starts, sizes, strict=True)] for b in buffers]
    for base, *experts in zip(*views[:-1], strict=True):
        base.normal_(std=SPREAD, generator=generator)
        for expert, share in zip(experts, SHARES, strict=True):
            delta = torch.empty(base.shape, device=device).normal_(generator=generator)
            expert.copy_(delta.mul_(SPREAD * share).add_(base))
    experts_of = list(zip(*views[1:-1], strict=True))
    return Arenas(shapes, views[0], experts_of, views[-1], (buffers[1], buffers[-1]))


def jobs_of(method: str, arenas: Arenas, kernels: "TritonKernels") -> "list[Job]":
    """Return the merges of one candidate."""
    from optimerge.merge.kernels.many import Job
    from optimerge.merge.kernels.program import Source

    jobs = []
    for index, base in enumerate(arenas.base):
        sources = [Source(expert) for expert in arenas.experts[index]]
        if method == "della":
            sources = [placed(base, s, arenas.shapes[index]) for s in sources]
        keeps = [kept(method, base, s, key, kernels) for key, s in enumerate(sources, 3 * index)]
        jobs.append(Job(program(method, keeps), base, sources, arenas.model[index]))
    return jobs


def placed(base: "Tensor", source: "Source", shape: tuple[int, ...]) -> "Source":
    """Return a source with the places of its task vector."""
    from optimerge.merge.kernels.places import places

    delta = source.values.float().sub_(base)
    return replace(source, places=places(delta.view(shape)).view(-1))


def kept(
    method: str, base: "Tensor", source: "Source", key: int, kernels: "TritonKernels"
) -> "Keep":
    """Return what a method keeps of a task vector."""
    from optimerge.merge.kernels.magnitudes import magnitudes
    from optimerge.merge.kernels.places import ranked
    from optimerge.merge.kernels.program import LEVELS, Band, Random, Whole

    if method in ("linear", "task_arithmetic"):
        return Whole()
    if method == "dare_ties":
        return Random(key, round(DENSITY * LEVELS))
    if method == "della":
        return ranked(key, DENSITY, EPSILON)
    table = magnitudes(kernels.magnitudes(base, source))
    size = base.numel()
    if method == "ties":
        return Band(key, table.code(int(DENSITY * size)))
    outliers = int(OUTLIERS * size)
    return Band(key, table.code(outliers + int(DENSITY * size)), table.code(outliers))


def program(method: str, keeps: "Sequence[Keep]", weight: float = WEIGHT) -> "Program":
    """Return the program of a tensor; methods that rescale do so by 1 / density."""
    from optimerge.merge.kernels.program import Program, Term

    scale = 1 / DENSITY if method in ("dare_ties", "della") else 1.0
    terms = tuple(Term(weight, keep, scale) for keep in keeps)
    if method == "linear":
        return Program(terms, linear=True, divisor=len(terms) * weight)
    elect = method in ("ties", "dare_ties", "della")
    return Program(terms, elect=elect, normalize=elect)


def candidate(method: str, jobs: "list[Job]", kernels: "TritonKernels") -> None:
    """Build one candidate."""
    from optimerge.merge.kernels.many import Sum

    if method == "della":
        kernels.norms_many(
            [
                Sum(term.keep, job.base, source, 31)
                for job in jobs
                for term, source in zip(job.program.terms, job.sources, strict=True)
                if job.base is not None
            ]
        )
    changes = kernels.merge_many(jobs)
    if not sum(change.nonzero for change in changes if change):
        raise SystemExit(f"{method}: the merge changed nothing; the timing would mean nothing")


def milliseconds(run: Callable[[], object]) -> float:
    """Return the time of a call and of what it started on the device."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    started = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - started)


def timed(
    method: str, arenas: Arenas, kernels: "TritonKernels", repeat: int
) -> tuple[float, float]:
    """Return the milliseconds of a candidate and of a copy of as many bytes."""
    jobs = jobs_of(method, arenas, kernels)
    source, target = arenas.whole
    moved = 2 * source.numel() * source.element_size()
    wanted = sum(
        tensor.numel() * tensor.element_size()
        for job in jobs
        for tensor in (job.base, job.out, *(source.values for source in job.sources))
        if tensor is not None
    )
    candidate(method, jobs, kernels)  # compiles
    merges, copies = [], []
    for _ in range(repeat):
        merges.append(milliseconds(lambda: candidate(method, jobs, kernels)))
        copies.append(milliseconds(lambda: target.copy_(source)))
    return statistics.median(merges), statistics.median(copies) * wanted / moved


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    chosen = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        raise SystemExit(
            "benchmarks/gpu.py needs an NVIDIA GPU with CUDA, and torch sees none here"
        )
    from optimerge.merge.kernels.triton_kernels import TritonKernels

    arenas = made(mistral(chosen.layers), chosen.device)
    kernels = TritonKernels(chosen.device)
    entries = sum(tensor.numel() for tensor in arenas.base)
    print(f"{torch.cuda.get_device_name(chosen.device)}: {entries:,} parameters, bfloat16,"
          f" {len(SHARES)} experts, median of {chosen.repeat}")  # fmt: skip
    print(f"{'method':<16} {'ms':>8} {'copy ms':>8} {'ratio':>6} {'goal ms':>8}")
    for method in chosen.methods:
        merge, copy = timed(method, arenas, kernels, chosen.repeat)
        goal = f"{GOALS[method]:8.0f}" if method in GOALS and chosen.layers == 32 else f"{'-':>8}"
        print(f"{method:<16} {merge:8.2f} {copy:8.2f} {merge / copy:6.2f} {goal}")


if __name__ == "__main__":
    main()
