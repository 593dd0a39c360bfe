"""The lm-eval tasks and the search space, as files.

The data files are named by absolute path: lm-eval 0.4.13 hands `data_files` to `load_dataset`,
which reads relative ones from the current folder, not from the YAML's; only Python named in the
YAML (`custom_dataset: !function`) could do better, and the zoo shall need no consent to run code.
So the task files know where the zoo is, and are written again when it has been moved.
"""

import json
from pathlib import Path

from optimerge.zoo.config import ZooConfig
from optimerge.zoo.folder import SPACE, TASKS
from optimerge.zoo.items import Item, eval_items, train_items
from optimerge.zoo.tokens import END

EXPERT_STREAM = "expert"
"""The draw of training items that the experts learn from and that the task files offer."""

WEIGHT = (0.0, 0.8)
DENSITY = (0.1, 1.0)
"""The ranges of the search space. Above 0.8 the experts only wreck each other."""

TASK = """\
# A task of optimerge's tiny zoo. `acc` is lm-eval's is_greedy of the gold answer: greedy exact
# match in one pass. The end mark is part of the answer, so a longer output is not right.
# The paths are absolute: `optimerge zoo` writes them again when the folder has been moved.
task: zoo_{task}
dataset_path: json
dataset_kwargs:
  data_files:
    train: {train}
    test: {test}
output_type: loglikelihood
training_split: train
test_split: test
num_fewshot: 0
doc_to_text: "{{{{prompt}}}}"
doc_to_target: " {{{{answer}}}} {end}"
target_delimiter: ""
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
metadata: {{version: 1.0}}
"""

HEAD = """\
# The search space of optimerge's tiny zoo: a mergekit recipe with ranges where numbers would be.
# Each expert took one task up and let others go; small weights of all three keep most of each.
# Above 0.8 the experts only wreck each other. A lower density leaves more of the base untouched:
# good for the objective `sparsity`, bad for the scores.
merge_method: dare_ties
base_model: base          # paths are relative to this file
models:
"""
MODEL = """\
  - model: {task}
    parameters: {{weight: {{low: {w[0]}, high: {w[1]}}}, density: {{low: {d[0]}, high: {d[1]}}}}}
"""
OBJECTIVES = """\
parameters: {normalize: false, rescale: true, lambda: 1.0}
dtype: float32
objectives:
"""
OBJECTIVE = """\
  - {{task: zoo_{task}, search_items: {search}, test_items: {test}}}
"""
TAIL = """\
  - sparsity: nonzero     # the share of parameters that differ from the base
include_path: tasks
search: {{trials: 40, seed: {seed}}}
"""


def write_data(folder: Path, config: ZooConfig) -> None:
    """Write each task's evaluation items and the experts' training items as JSONL."""
    tasks = folder / TASKS
    tasks.mkdir(exist_ok=True)
    for task in config.tasks:
        _write_items(tasks / f"zoo_{task}_eval.jsonl", eval_items(task, config))
        items = train_items(task, config, naive_share=0.0, stream=EXPERT_STREAM)
        _write_items(tasks / f"zoo_{task}_train.jsonl", items)


def write_tasks(folder: Path, location: Path, config: ZooConfig) -> None:
    """Write each task's YAML into `folder`, naming the data files as they will be in `location`."""
    for task in config.tasks:
        data = location / TASKS / f"zoo_{task}"
        text = TASK.format(
            task=task,
            train=json.dumps(f"{data}_train.jsonl"),
            test=json.dumps(f"{data}_eval.jsonl"),
            end=END,
        )
        (folder / TASKS / f"zoo_{task}.yaml").write_text(text, encoding="utf-8")


def write_space(folder: Path, config: ZooConfig) -> None:
    """Write `space.yaml`: dare_ties over all experts; half of the items are for the search."""
    search = config.eval_prompts // 2
    test = config.eval_prompts - search
    lines = [
        HEAD,
        *(MODEL.format(task=task, w=WEIGHT, d=DENSITY) for task in config.tasks),
        OBJECTIVES,
        *(OBJECTIVE.format(task=task, search=search, test=test) for task in config.tasks),
        TAIL.format(seed=config.seed),
    ]
    (folder / SPACE).write_text("".join(lines), encoding="utf-8")


def _write_items(path: Path, items: list[Item]) -> None:
    path.write_text("".join(json.dumps(item._asdict()) + "\n" for item in items), encoding="utf-8")
