"""Prompts with a space's options are those of lm-eval's simple_evaluate with the same options."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lm_eval.evaluator
import pytest
import yaml
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from optimerge.errors import RecipeError, TaskError
from optimerge.objectives.scorer import TaskScorer
from optimerge.objectives.tasks import load_tasks
from optimerge.space.objectives import TaskObjective, TaskSettings
from optimerge.space.read import make_space

CHAT = (
    "{% for m in messages %}{{ m['role'] }} : {{ m['content'] }} / {% endfor %}"
    "{% if add_generation_prompt %}assistant :\n{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}" + CHAT


class Mute(HFLM):
    """Answers without a forward pass: the prompts are all that is looked at."""

    def loglikelihood(self, requests: Any, **_: Any) -> list[tuple[float, bool]]:
        return [(-1.0, False)] * len(requests)

    def generate_until(self, requests: Any, **_: Any) -> list[str]:
        return ["a"] * len(requests)


@pytest.fixture
def chatty(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    found = copy.deepcopy(tokenizer)
    found.chat_template = CHAT
    return found


@pytest.fixture
def folder(tasks: Path, tmp_path: Path) -> Path:
    """The tasks, and `first`: fixed examples, a description, a prefix of the answer."""
    for file in [*tasks.glob("*.yaml"), *tasks.glob("*.py")]:
        (tmp_path / file.name).write_text(file.read_text())
    config = yaml.safe_load((tasks / "pick.yaml").read_text())
    own = {"task": "first", "fewshot_config": {"sampler": "first_n"}, "description": "a b :"}
    (tmp_path / "first.yaml").write_text(yaml.safe_dump({**config, **own, "gen_prefix": "so"}))
    return tmp_path


@pytest.fixture
def ours(model: LlamaForCausalLM, folder: Path) -> Callable[..., TaskScorer]:
    def ours(tokenizer: PreTrainedTokenizerFast, **fields: Any) -> TaskScorer:
        (scorer,) = load_tasks(
            [TaskObjective(**fields)],
            model=model,
            tokenizer=tokenizer,
            include_path=folder,
            seed=3,
            allow_code=True,
        )
        assert isinstance(scorer, TaskScorer)
        return scorer

    return ours


@pytest.fixture
def theirs(
    model: LlamaForCausalLM, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[int, list[Any]]]:
    monkeypatch.setattr(lm_eval.evaluator, "add_env_info", lambda results: None)

    def theirs(
        tokenizer: PreTrainedTokenizerFast, name: str, **options: Any
    ) -> dict[int, list[Any]]:
        result = lm_eval.evaluator.simple_evaluate(
            model=Mute(pretrained=model, tokenizer=copy.deepcopy(tokenizer), batch_size=4),
            tasks=[name],
            task_manager=TaskManager(include_defaults=False, include_path=str(folder)),
            bootstrap_iters=0,
            **options,
        )
        assert result is not None
        return {s["doc_id"]: [tuple(a) for a in s["arguments"]] for s in result["samples"][name]}

    return theirs


OPTIONS: list[dict[str, Any]] = [
    {},
    {"num_fewshot": 2},
    {"num_fewshot": 1, "system_instruction": "k l m"},
    {"apply_chat_template": True},
    {"apply_chat_template": True, "num_fewshot": 2, "system_instruction": "k l m"},
    {"apply_chat_template": True, "num_fewshot": 2, "fewshot_as_multiturn": False},
]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(
            name,
            options,
            # of each task all options at once, and of one each alone
            marks=() if name == "first" or len(options) == 3 else pytest.mark.slow,
            id=f"{name}-{'+'.join(options) or 'none'}",
        )
        for name in ("pick", "first", "say")
        for options in OPTIONS
    ],
)
def test_prompts_are_those_of_simple_evaluate(
    name: str,
    options: dict[str, Any],
    chatty: PreTrainedTokenizerFast,
    ours: Callable[..., TaskScorer],
    theirs: Callable[..., dict[int, list[Any]]],
) -> None:
    scorer = ours(chatty, task=name, search_items=15, **options)
    wanted = theirs(chatty, name, **options)
    found: dict[int, list[Any]] = {}
    for each in scorer.run.instances:
        found.setdefault(each.doc_id, []).append(each.args)
    assert set(found) == set(scorer.items.search)
    assert found == {number: wanted[number] for number in found}


def test_the_options_change_the_prompts(
    chatty: PreTrainedTokenizerFast, ours: Callable[..., TaskScorer]
) -> None:
    """What the test above compares would be equal too if both sides ignored the options."""
    made = [ours(chatty, task="pick", **options) for options in OPTIONS]
    assert len({scorer.digest for scorer in made}) == len(OPTIONS)
    chat = made[4].run.instances[0].args[0]
    assert chat.startswith("system : k l m / user : Q:")
    assert chat.count("user :") == 3
    assert chat.endswith(" / assistant :\n")


def test_a_template_that_takes_no_system_turn_is_rendered_without(
    chatty: PreTrainedTokenizerFast,
    ours: Callable[..., TaskScorer],
    theirs: Callable[..., dict[int, list[Any]]],
) -> None:
    chatty.chat_template = NO_SYSTEM
    options = {"apply_chat_template": True, "system_instruction": "k l m"}
    scorer = ours(chatty, task="say", **options)
    wanted = theirs(chatty, "say", **options)
    assert [each.args for each in scorer.run.instances] == [a for w in wanted.values() for a in w]


def test_generation_options_go_over_the_tasks_own(
    chatty: PreTrainedTokenizerFast,
    ours: Callable[..., TaskScorer],
    theirs: Callable[..., dict[int, list[Any]]],
) -> None:
    scorer = ours(chatty, task="say", gen_kwargs={"max_gen_toks": 3})
    wanted = theirs(chatty, "say", gen_kwargs={"max_gen_toks": 3})
    assert [each.args for each in scorer.run.instances] == [a for w in wanted.values() for a in w]
    assert scorer.run.instances[0].args[1]["max_gen_toks"] == 3
    assert ours(chatty, task="pick", gen_kwargs={"max_gen_toks": 3})


def test_one_of_several_templates_is_taken_by_name(
    chatty: PreTrainedTokenizerFast, ours: Callable[..., TaskScorer]
) -> None:
    chatty.chat_template = {"default": CHAT, "other": "other " + CHAT}
    by_name = ours(chatty, task="pick", apply_chat_template="other").run.instances[0].args[0]
    by_default = ours(chatty, task="pick", apply_chat_template=True).run.instances[0].args[0]
    assert by_name == f"other {by_default}"
    with pytest.raises(TaskError, match=r"no chat template 'third'; name one of default, other"):
        ours(chatty, task="pick", apply_chat_template="third")


def test_a_tokenizer_without_a_template_is_named(
    tokenizer: PreTrainedTokenizerFast,
    chatty: PreTrainedTokenizerFast,
    ours: Callable[..., TaskScorer],
) -> None:
    with pytest.raises(TaskError, match=r"'pick': apply_chat_template is True.*no chat template;"):
        ours(tokenizer, task="pick", apply_chat_template=True)
    with pytest.raises(TaskError, match="one chat template, without names; write true"):
        ours(chatty, task="pick", apply_chat_template="other")


def test_the_same_options_share_a_task_and_others_do_not(
    model: LlamaForCausalLM, chatty: PreTrainedTokenizerFast, folder: Path
) -> None:
    one, two, three = load_tasks(
        [
            TaskObjective(task="pick", metric="acc", apply_chat_template=True),
            TaskObjective(task="pick", metric="mcc", apply_chat_template=True),
            TaskObjective(task="pick", metric="mcc"),
        ],
        model=model,
        tokenizer=chatty,
        include_path=folder,
        seed=0,
    )
    assert one.runs == two.runs
    assert one.runs != three.runs


def test_an_objectives_own_word_goes_before_the_spaces() -> None:
    common = TaskSettings(
        apply_chat_template=True, num_fewshot=3, gen_kwargs={"temperature": 0.5, "top_k": 3}
    )
    spec = TaskObjective(task="t", apply_chat_template=False, gen_kwargs={"temperature": 1.0})
    found = spec.with_defaults(common)
    assert (found.apply_chat_template, found.num_fewshot) == (False, 3)
    assert found.gen_kwargs == {"temperature": 1.0, "top_k": 3}


def test_the_tasks_block_of_a_space_holds_for_its_objectives(tmp_path: Path) -> None:
    space: dict[str, Any] = {
        "merge_method": "linear",
        "base_model": "base",
        "models": [{"model": "red", "parameters": {"weight": {"low": 0.0, "high": 1.0}}}],
        "tasks": {"system_instruction": "be brief", "search_items": 7},
        "objectives": [{"task": "t"}, {"task": "u", "search_items": 8}, {"sparsity": "l1"}],
    }
    made = make_space(space, tmp_path / "s.yaml")
    tasks = [each for each in made.objectives if isinstance(each, TaskObjective)]
    assert [each.search_items for each in tasks] == [7, 8]
    assert {each.system_instruction for each in tasks} == {"be brief"}
    space["tasks"] = {"serch_items": 7}
    with pytest.raises(RecipeError, match=r"tasks: unknown key 'serch_items'; did you mean"):
        make_space(space, tmp_path / "s.yaml")
