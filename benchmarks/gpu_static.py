"""Compiles the Triton merge kernels for an H200 (sm_90), without a GPU, and reads the machine code.

    python benchmarks/gpu_static.py [--json] [--tails] [METHOD ...]

Per method, for three experts in bfloat16 with statistics: registers a thread, bytes of stack and
of spills, global reads of 128 and of fewer bits in the loop, warps that fit on a multiprocessor,
instructions an entry (the loop over a block's parts, plus a block's share of the rest; the slow
path of a division is not counted), and what that and the bytes would take at 7.24e9 entries on an
H200: both are estimates from data sheets, nothing here is measured. `--tails`: the variant that
also takes tensors whose size is no multiple of 1024.
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ENTRIES = 7.24e9
CYCLES = 132 * 128 * 1.755e9
"""Instructions of all lanes a second: multiprocessors x lanes x clock."""
BANDWIDTH = 4.3e12
"""Bytes a second that a copy reaches."""
WARP_REGISTERS = 65536 // 32
LOCAL = re.compile(r"\b(LDL|STL)\b")


@dataclass(frozen=True)
class Code:
    """What the machine code says."""

    registers: int
    stack: int
    """Bytes."""
    spills: int
    """Instructions that reach for local memory."""
    shared: int
    """Bytes a program exchanges between its threads."""
    wide: int
    """Global reads of 128 bits in the loop."""
    narrow: int
    """Global reads of less in the loop."""
    fused: int
    """Fused multiply-adds in the loop: a division has some, nothing else may."""
    instructions: float
    """An entry."""


def variants(tails: bool) -> dict[str, dict[str, Any]]:
    """Return the constants of the kernel for each method."""
    from optimerge.merge.kernels import triton_table as t

    plain = {
        "KINDS": (t.BRAIN,) * 3,
        "KEEPS": (t.WHOLE,) * 3,
        "BASE_KIND": t.BRAIN,
        "OUT_KIND": t.BRAIN,
        "STATISTICS": True,
        "FAST": True,
        "EVEN": not tails,
        "DRAWN": True,
        **dict.fromkeys(
            "LINEAR ELECT NORMALIZE LONG SCALED DIVIDED FACTORED CEILED".split(),  # noqa: SIM905  # one line is easier to read
            False,
        ),
    }
    elected = {**plain, "ELECT": True, "NORMALIZE": True}
    return {
        "linear": {**plain, "LINEAR": True, "DIVIDED": True},
        "task_arithmetic": plain,
        "ties": {**elected, "KEEPS": (t.BAND,) * 3},
        "dare_ties": {**elected, "KEEPS": (t.RANDOM,) * 3, "SCALED": True},
        "della": {**elected, "KEEPS": (t.RANKED,) * 3, "SCALED": True},
        "breadcrumbs": {**plain, "KEEPS": (t.BAND,) * 3, "CEILED": True},
    }


def compiled(constants: dict[str, Any]) -> Any:
    """Return the kernel, compiled for sm_90."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from optimerge.merge.kernels.triton_launch import OPTIONS
    from optimerge.merge.kernels.triton_merge import merge

    pointers = {"table": "*i64", "owners": "*i32", "counts": "*i32", "sums": "*fp32"}
    signature = {n: "constexpr" if n in constants else pointers[n] for n in merge.arg_names}
    aligned = {(i,): [["tt.divisibility", 16]] for i in range(len(pointers))}
    source = ASTSource(merge, signature, constexprs=constants, attrs=aligned)
    return triton.compile(source, target=GPUTarget("cuda", 90, 32), options=dict(OPTIONS))


def read(kernel: Any) -> Code:
    """Return what the machine code of a kernel says."""
    from optimerge.merge.kernels.program import BLOCK
    from optimerge.merge.kernels.triton_table import PART

    lines, labels = _listing(kernel.asm["sass"])
    end = max(i for i, line in enumerate(lines) if "EXIT" in line) + 1
    first, last = _loop(lines, labels, end)
    loop = lines[first : last + 1]
    threads = 32 * kernel.metadata.num_warps
    usage = _usage(kernel.asm["cubin"])
    reads = [line for line in loop if "LDG" in line]
    wide = sum("LDG.E.128" in line for line in reads)
    return Code(
        registers=usage["REG"],
        stack=usage["STACK"],
        spills=usage["LOCAL"] + sum(bool(LOCAL.search(line)) for line in lines),
        shared=kernel.metadata.shared,
        wide=wide,
        narrow=len(reads) - wide,
        fused=sum("FFMA" in line for line in loop),
        instructions=len(loop) * threads / PART + (end - len(loop)) * threads / BLOCK,
    )


def _listing(sass: str) -> tuple[list[str], dict[str, int]]:
    """Return the instructions and where the labels stand among them."""
    lines: list[str] = []
    labels = {}
    for line in sass.splitlines():
        if found := re.match(r"(LBB\d+):", line):
            labels[found[1]] = len(lines)
        elif "\t" in line:
            lines.append(line.split("\t", 1)[1].strip())
    return lines, labels


def _loop(lines: list[str], labels: dict[str, int], end: int) -> tuple[int, int]:
    """Return the first and last instruction of the longest loop."""
    loops = [
        (labels[found[1]], i)
        for i, line in enumerate(lines[:end])
        if (found := re.search(r"BRA (LBB\d+)", line)) and labels[found[1]] < i
    ]
    return max(loops, key=lambda loop: loop[1] - loop[0])


def _usage(cubin: bytes) -> dict[str, int]:
    import triton

    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        text = subprocess.run(
            [tool, "-res-usage", file.name], capture_output=True, text=True, check=True
        ).stdout
    return {name: int(value) for name, value in re.findall(r"(REG|STACK|LOCAL):(\d+)", text)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", metavar="METHOD")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tails", action="store_true")
    chosen = parser.parse_args()
    os.environ["TRITON_INTERPRET"] = "0"
    found = variants(chosen.tails)
    codes = {name: read(compiled(found[name])) for name in chosen.methods or found}
    if chosen.json:
        print(json.dumps({name: asdict(code) for name, code in codes.items()}))
        return
    print("sm_90, three experts, bfloat16, statistics on; not measured on a GPU")
    print(f"{'':<16} {'regs':>5} {'spills':>6} {'warps':>5} {'reads':>8} {'instr':>6}"
          f" {'issue ms':>9} {'bytes':>6} {'memory ms':>9}")  # fmt: skip
    for name, code in codes.items():
        warps = min(64, WARP_REGISTERS // (-(-code.registers // 8) * 8) // 4 * 4)
        size = 10 + 3 * (name == "della")
        issue, memory = (1e3 * ENTRIES * x for x in (code.instructions / CYCLES, size / BANDWIDTH))
        print(f"{name:<16} {code.registers:5} {code.stack + code.spills:6} {warps:5}"
              f" {code.wide:3} + {code.narrow:<2} {code.instructions:6.1f} {issue:9.1f}"
              f" {size:6} {memory:9.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
