"""Run by test_memory.py in a process of its own: predicts and measures the peak of an engine.

    python memory_probe.py FOLDER TINY TIER MODE METHODS MODELS...

FOLDER and TINY hold the models that MODELS names; an engine of the tiny ones goes first, so that
what libraries take is not counted. Prints predicted and measured bytes.
"""

import re
import sys
from pathlib import Path

from optimerge.checkpoint.folder import open_checkpoint
from optimerge.merge.engine import load_engine
from optimerge.merge.need import Work, predicted
from optimerge.methods.registry import all_methods
from optimerge.recipe.read import parse_recipe

NUMBERS = {
    "task_arithmetic": "weight: 0.4",
    "linear": "weight: 0.4",
    "ties": "weight: 0.4, density: 0.5",
    "dare_ties": "weight: 0.4, density: 0.5",
    "della": "weight: 0.4, density: 0.5",
    "breadcrumbs": "weight: 0.4, density: 0.5",
    "model_stock": "",
    "nuslerp": "weight: 0.4",
    "sce": "",
    "slerp": "",
    "karcher": "weight: 0.4",
}


def memory(key: str) -> int:
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"{key}:\s+(\d+) kB", text)[1]) * 1024  # type: ignore[index]


def work_on(folder: Path, tier: str, mode: str, methods: list[str], models: list[str]) -> int:
    checkpoints = [open_checkpoint(m, folder) for m in models]
    need = predicted(checkpoints, Work(tuple(methods), mode), tier, "cpu")  # type: ignore[arg-type]
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    before = memory("VmRSS")
    engine = load_engine(checkpoints, memory=tier, mode=mode)  # type: ignore[arg-type]
    loaded = memory("VmHWM")
    for method in methods:
        top = "" if method in ("linear", "karcher") else f"base_model: {models[0]}\n"
        given = models if method == "karcher" else models[1:]
        given = given[: all_methods()[method].most_inputs]
        listed = "".join(f"- {{model: {m}, parameters: {{{NUMBERS[method]}}}}}\n" for m in given)
        text = f"merge_method: {method}\n{top}dtype: float32\nout_dtype: bfloat16\n"
        text += "parameters: {t: 0.3}\n" if method == "slerp" else ""
        engine.apply(parse_recipe(f"{text}models:\n{listed}"))
    measured = memory("VmHWM") - before
    print(need.peak, measured, loaded - before, need)
    return measured


if __name__ == "__main__":
    folder, tiny, tier, mode, methods, *models = sys.argv[1:]
    work_on(Path(tiny), tier, mode, methods.split(","), models)
    work_on(Path(folder), tier, mode, methods.split(","), models)
