"""What mergekit-evolve, mergenetic and MM-MO do for one candidate, without a GPU.

    PYTHON benchmarks/peers/loops.py LOOP RECIPES TASKS ITEMS TASK... [--batch-size N]

Started by benchmarks/candidate.py with a Python that has mergekit 0.1.5 and lm-eval; imports
nothing of optimerge. RECIPES holds a recipe as JSON on each line, TASKS is a folder of task files.
What of a peer's own loop is not here stands with each function.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Scoring:
    """What is asked of every candidate: the first `items` documents of each task."""

    tasks: Sequence[str]
    folder: Path
    items: int
    batch_size: int

    def score(self, model: Any, manager: Any, **more: Any) -> dict[str, Any]:
        """Return lm-eval's results of a model: an object, or a back end's name with arguments."""
        simple_evaluate = import_module("lm_eval").simple_evaluate
        found: dict[str, Any] = simple_evaluate(
            model=model, tasks=list(self.tasks), limit=self.items, log_samples=False,
            batch_size=self.batch_size, task_manager=manager, **more,
        )["results"]  # fmt: skip
        return found

    def manager(self) -> Any:
        """Return lm-eval's list of tasks: of TASKS only, as its own takes ten seconds to read."""
        made = import_module("lm_eval.tasks").TaskManager
        return made(include_path=str(self.folder), include_defaults=False)


def read_config(recipe: dict[str, Any]) -> Any:
    """Return a recipe as mergekit's configuration."""
    return import_module("mergekit.config").MergeConfiguration.model_validate(recipe)


def merge_to(recipe: dict[str, Any], folder: str) -> None:
    """Merge with mergekit, in this process, to a folder."""
    options = import_module("mergekit.options").MergeOptions(quiet=True, write_model_card=False)
    import_module("mergekit.merge").run_merge(read_config(recipe), folder, options)


def on_disk(recipes: Iterable[dict[str, Any]], scoring: Scoring) -> None:
    """Do as mergekit-evolve does on disk (its default), and as mergenetic does.

    Both merge to a folder, load the model from there and have lm-eval score it. mergekit-evolve
    does so in an actor of Ray that wants a GPU; mergenetic loads the model into a new vLLM engine,
    in four bits: here both are transformers on the CPU, in the recipe's dtype.
    """
    manager = scoring.manager()
    for recipe in recipes:
        with tempfile.TemporaryDirectory() as folder:
            merge_to(recipe, folder)
            arguments = {"pretrained": folder, "dtype": "auto", "device": "cpu"}
            scoring.score("hf", manager, model_args=arguments)


def in_memory(recipes: Iterable[dict[str, Any]], scoring: Scoring) -> None:
    """Do as mergekit-evolve --in-memory means to: one resident model, tensors copied into it.

    mergekit 0.1.5 itself stops there with a TypeError (`plan_in_memory`), so its merge tasks are
    executed directly. lm-eval takes one row at a time of a model that is given as an object.
    """
    from lm_eval.models.huggingface import HFLM

    merge, plan = import_module("mergekit.merge"), import_module("mergekit.plan")
    io = import_module("mergekit.io.tasks")
    options = import_module("mergekit.options").MergeOptions(quiet=True)
    io.LoaderCache().setup(options)
    manager, live = scoring.manager(), None
    for recipe in recipes:
        config = read_config(recipe)
        architecture = merge.get_architecture_info(config, options)
        shape = merge._model_out_config(config, architecture)
        if live is None:
            live = HFLM(pretrained=resident(shape), tokenizer=tokenizer_of(recipe))
        planner = plan.MergePlanner(config, architecture, options, shape)
        saved = [t for t in planner.plan_to_disk("unused") if isinstance(t, io.SaveTensor)]
        into = dict(live.model.named_parameters())
        names = {task.tensor_task: task.tensor_name for task in saved}
        for task, value in import_module("mergekit.graph").Executor(list(names)).run(quiet=True):
            into[names[task]].data.copy_(value)
        scoring.score(live, manager)


def resident(shape: Any) -> Any:
    """Return a model without weights."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_config(shape).eval().requires_grad_(False)


def tokenizer_of(recipe: dict[str, Any]) -> Any:
    """Return the base's tokenizer."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(recipe["base_model"])


def mmmo(recipes: Iterable[dict[str, Any]], scoring: Scoring) -> None:
    """Do as MM-MO's released code does: mergekit-yaml, a load for each task, two for the L1 norm.

    It scores with OpenCompass, which starts a process for each task: here lm-eval in its place.
    """
    for recipe in recipes:
        with tempfile.TemporaryDirectory() as folder:
            file, out = Path(folder, "recipe.yaml"), Path(folder, "merged")
            file.write_text(json.dumps(recipe))  # JSON is YAML
            run("-m", "mergekit.scripts.run_yaml", str(file), str(out), "--quiet")
            for task in scoring.tasks:
                run(__file__, "one", str(out), str(scoring.folder), str(scoring.items), task,
                    "--batch-size", str(scoring.batch_size))  # fmt: skip
            l1_norm(str(out), recipe["base_model"])


def mmmo_in_process(recipes: Iterable[dict[str, Any]], scoring: Scoring) -> None:
    """Do the work of `mmmo` in one process, so that no start of a process is counted."""
    manager = scoring.manager()
    for recipe in recipes:
        with tempfile.TemporaryDirectory() as folder:
            merge_to(recipe, folder)
            arguments = {"pretrained": folder, "dtype": "auto", "device": "cpu"}
            for task in scoring.tasks:
                replace(scoring, tasks=[task]).score("hf", manager, model_args=arguments)
            l1_norm(folder, recipe["base_model"])


def run(*words: str) -> None:
    """Run this Python to its end; CalledProcessError if it fails."""
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)


def l1_norm(merged: str, base: str) -> float:
    """Return the sum of what a merge changes, from two models in float32."""
    import torch
    from transformers import AutoModel

    first, second = (AutoModel.from_pretrained(m, dtype=torch.float32) for m in (merged, base))
    other = dict(second.named_parameters())
    return sum(float((p - other[name]).abs().sum()) for name, p in first.named_parameters())


def told(recipes: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the recipes; say on standard error when the candidate of each is done."""
    for number, recipe in enumerate(recipes, 1):
        yield recipe
        print(f"candidate {number} is done", file=sys.stderr, flush=True)


LOOPS: dict[str, Callable[[Iterable[dict[str, Any]], Scoring], None]] = {
    "on_disk": on_disk,
    "in_memory": in_memory,
    "mmmo": mmmo,
    "mmmo_in_process": mmmo_in_process,
}


def main() -> None:
    """Make and score every candidate of a file, or score one folder (`one`)."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("loop", choices=[*LOOPS, "one"])
    parser.add_argument("recipes")
    parser.add_argument("folder", type=Path)
    parser.add_argument("items", type=int)
    parser.add_argument("tasks", nargs="+")
    parser.add_argument("--batch-size", type=int, default=64)
    given = parser.parse_args()
    scoring = Scoring(given.tasks, given.folder, given.items, given.batch_size)
    if given.loop == "one":
        arguments = {"pretrained": given.recipes, "dtype": "auto", "device": "cpu"}
        scoring.score("hf", scoring.manager(), model_args=arguments)
        return
    lines = Path(given.recipes).read_text().splitlines()
    LOOPS[given.loop](told(map(json.loads, lines)), scoring)


if __name__ == "__main__":
    main()
