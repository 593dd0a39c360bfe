import json
from pathlib import Path

import pytest
import yaml

from optimerge.space.read import read_space
from optimerge.zoo import TINY, Zoo
from optimerge.zoo.score import accuracies, accuracy, eval_tokens


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the datasets library's cache inside the test."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets")


@pytest.mark.usefixtures("offline")
@pytest.mark.filterwarnings("ignore")
def test_lm_eval_scores_the_tasks_as_our_own_pass_does(
    tiny: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lm_eval import evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    from optimerge.zoo.model import load

    monkeypatch.chdir(tmp_path)
    manager = TaskManager(include_defaults=False, include_path=str(tiny.directory / "tasks"))
    names = [f"zoo_{task}" for task in TINY.tasks]
    tasks = manager.load(names)
    lm = HFLM(pretrained=str(tiny.experts["shift"]), device="cpu", batch_size=50, dtype="float32")
    theirs = evaluate(lm, tasks, bootstrap_iters=0)
    ours = accuracies(load(tiny.experts["shift"]), eval_tokens(TINY))
    assert {n: theirs["results"][n]["acc,none"] for n in names} == {
        f"zoo_{task}": score for task, score in ours.items()
    }
    assert all(theirs["n-samples"][n]["effective"] == TINY.eval_prompts for n in names)


@pytest.mark.parametrize(("after_letter", "share"), [("<eos>", 0.5), ("b", 0.0)])
def test_accuracy_counts_whole_answers_with_their_end(after_letter: str, share: float) -> None:
    import torch

    from optimerge.zoo.batches import tokenize
    from optimerge.zoo.items import Item
    from optimerge.zoo.tokens import IDS, WORDS

    class Model:
        """Says `b` after any word but `b`."""

        def __call__(self, inputs: torch.Tensor, use_cache: bool) -> "Model":
            said = torch.where(inputs == IDS["b"], IDS[after_letter], IDS["b"])
            self.logits = torch.nn.functional.one_hot(said, len(WORDS)).float()
            return self

    data = tokenize([Item("shift 1 a =", "b"), Item("sort + a b =", "a b")])
    assert accuracy(Model(), data) == share


def test_tokenize_marks_the_answer_and_its_end() -> None:
    from optimerge.zoo.batches import NO_TARGET, tokenize
    from optimerge.zoo.items import Item
    from optimerge.zoo.tokens import encode

    data = tokenize([Item("add 1 + 2 =", "0 3"), Item("sort a =", "a")])
    assert data.inputs.tolist() == [
        encode("add 1 + 2 = 0 3"),
        encode("sort a = a <pad> <pad> <pad>"),
    ]
    no = NO_TARGET
    assert data.targets.tolist() == [
        [no, no, no, no, *encode("0 3 <eos>")],
        [no, no, *encode("a <eos>"), no, no, no],
    ]


def test_the_space_is_one_that_optimerge_reads(tiny: Zoo) -> None:
    raw = yaml.safe_load(tiny.space.read_text())
    assert raw["base_model"] == "base"
    assert [model["model"] for model in raw["models"]] == list(TINY.tasks)
    tasks = [objective for objective in raw["objectives"] if "task" in objective]
    assert [t["search_items"] + t["test_items"] for t in tasks] == [TINY.eval_prompts] * 3
    assert raw["objectives"][-1] == {"sparsity": "nonzero"}
    assert raw["search"] == {"trials": 40, "seed": 0}
    read_space(tiny.space)


def test_the_data_files_hold_what_the_yaml_promises(tiny: Zoo) -> None:
    for task in TINY.tasks:
        raw = yaml.safe_load((tiny.directory / "tasks" / f"zoo_{task}.yaml").read_text())
        files = raw["dataset_kwargs"]["data_files"]
        rows = {
            split: [json.loads(line) for line in Path(path).read_text().splitlines()]
            for split, path in files.items()
        }
        assert len(rows["test"]) == len({row["prompt"] for row in rows["test"]}) == 100
        assert len(rows["train"]) == TINY.train_prompts
        assert not {r["prompt"] for r in rows["test"]} & {r["prompt"] for r in rows["train"]}
