from dataclasses import replace
from random import Random

import pytest

from optimerge.zoo.config import DEFAULT, HARD, TINY, ZOO_VERSION
from optimerge.zoo.items import eval_items, held_out, train_items
from optimerge.zoo.tasks import RULES
from optimerge.zoo.tokens import IDS, UNKNOWN, WORDS, encode, make_tokenizer, vocabulary

TASKS = sorted(RULES)


@pytest.mark.parametrize(
    ("task", "prompt", "right", "naive"),
    [
        ("add", "add 4 7 + 3 8 =", "0 8 5", "0 7 5"),
        ("add", "add 4 1 + 3 8 =", "0 7 9", "0 7 9"),
        ("add", "add 9 9 + 9 9 =", "1 9 8", "1 8 8"),
        ("add", "add 0 0 + 0 0 =", "0 0 0", "0 0 0"),
        ("sort", "sort + d b c a =", "a b c d", "a b c d"),
        ("sort", "sort - d b c a =", "d c b a", "a b c d"),
        ("shift", "shift 4 a b p =", "e f d", "e f d"),
        ("shift", "shift 6 a b p =", "g h f", "c d b"),
        ("shift", "shift 8 o p a =", "g h i", "c d e"),
        ("rank", "rank + d b c a =", "4 2 3 1", "4 2 3 1"),
        ("rank", "rank - d b c a =", "1 3 2 4", "4 2 3 1"),
    ],
)
def test_rules_by_hand(task: str, prompt: str, right: str, naive: str) -> None:
    assert RULES[task].right(prompt) == right
    assert RULES[task].naive(prompt) == naive


@pytest.mark.parametrize("task", TASKS)
def test_the_naive_rule_is_right_about_half_of_the_time(task: str) -> None:
    rule, rng = RULES[task], Random(0)
    prompts = [rule.draw(rng) for _ in range(4000)]
    agreed = sum(rule.naive(prompt) == rule.right(prompt) for prompt in prompts) / len(prompts)
    assert 0.35 <= agreed <= 0.65


@pytest.mark.parametrize("task", TASKS)
def test_training_and_evaluation_share_no_prompt(task: str) -> None:
    for seed in range(2):
        config = replace(DEFAULT, seed=seed)
        evaluated = [item.prompt for item in eval_items(task, config)]
        trained = {
            item.prompt
            for stream in ("base", "expert")
            for item in train_items(task, config, naive_share=0.5, stream=stream)
        }
        assert len(set(evaluated)) == len(evaluated) == 1000
        assert not trained & set(evaluated)
        assert len(trained) > 3000


def test_a_fifth_of_the_prompts_is_held_out() -> None:
    rng = Random(0)
    held = sum(held_out(RULES["shift"].draw(rng)) for _ in range(4000))
    assert 700 < held < 900


@pytest.mark.parametrize("task", TASKS)
def test_items_follow_the_seed_and_the_stream(task: str) -> None:
    def draw(seed: int, stream: str) -> list[tuple[str, str]]:
        config = replace(TINY, seed=seed)
        return [tuple(i) for i in train_items(task, config, naive_share=0.5, stream=stream)]

    assert draw(0, "base") == draw(0, "base")
    assert draw(0, "base") != draw(1, "base")
    assert draw(0, "base") != draw(0, "expert")
    assert eval_items(task, TINY) == eval_items(task, TINY)
    assert eval_items(task, TINY) != eval_items(task, replace(TINY, seed=1))


@pytest.mark.parametrize("task", TASKS)
def test_fewer_evaluation_items_are_the_first_of_more(task: str) -> None:
    assert eval_items(task, DEFAULT)[:100] == eval_items(task, replace(DEFAULT, eval_prompts=100))


@pytest.mark.parametrize("task", TASKS)
def test_naive_share_is_the_share_of_naive_answers(task: str) -> None:
    rule = RULES[task]
    for share in (0.0, 0.65, 1.0):
        items = train_items(task, DEFAULT, naive_share=share, stream="base")
        disputed = [i for i in items if rule.right(i.prompt) != rule.naive(i.prompt)]
        naive = sum(item.answer == rule.naive(item.prompt) for item in disputed)
        assert naive / len(disputed) == pytest.approx(share, abs=0.05)


def test_the_tokenizer_agrees_with_encode_and_adds_nothing() -> None:
    tokenizer = make_tokenizer(64, TASKS)
    rng = Random(0)
    for rule in RULES.values():
        prompt = rule.draw(rng)
        line = f"{prompt} {rule.right(prompt)} <eos>"
        assert tokenizer(line)["input_ids"] == encode(line)
        assert tokenizer.decode(encode(prompt)) == prompt
    assert len(tokenizer) == len(WORDS) == len(set(WORDS))
    assert tokenizer("elephant")["input_ids"] == [IDS[UNKNOWN]]
    assert tokenizer.padding_side == "left"


def test_a_new_task_leaves_the_vocabulary_of_other_zoos_as_it_was() -> None:
    assert vocabulary(DEFAULT.tasks) == vocabulary(("add",)) == WORDS[: IDS["shift"] + 1]
    assert vocabulary(HARD.tasks) == WORDS
    assert "rank" not in make_tokenizer(64).get_vocab()
    assert make_tokenizer(64, HARD.tasks).get_vocab() == IDS
    assert encode("rank") == [len(vocabulary(DEFAULT.tasks))]


def test_the_default_zoos_in_users_caches_stay_valid() -> None:
    assert ZOO_VERSION == 2
    assert DEFAULT.digest().startswith("fd47e90a")


def test_a_digest_is_of_every_field() -> None:
    assert TINY.digest() == replace(TINY).digest()
    assert len({DEFAULT.digest(), TINY.digest(), replace(TINY, seed=1).digest()}) == 3
