"""The measuring behind a report. Imports torch."""

from collections.abc import Iterator, Mapping, Sequence
from random import Random

import torch
from transformers import LlamaForCausalLM

from optimerge.zoo.batches import Tokens
from optimerge.zoo.config import DEFAULT
from optimerge.zoo.folder import BASE, Zoo
from optimerge.zoo.model import load
from optimerge.zoo.plain import Merged, Pull, State, dare_ties, task_arithmetic
from optimerge.zoo.report import SECONDS_AT_MOST, Point, Report, Scores
from optimerge.zoo.score import accuracies, eval_tokens
from optimerge.zoo.task_files import DENSITY, WEIGHT
from optimerge.zoo.train import one_thread


def measure(zoo: Zoo, scales: Sequence[float], random_trials: int) -> Report:
    """Score the parents and uniform merges on all items, then a random search on half of them."""
    config = zoo.config
    with one_thread():
        models = {name: load(folder) for name, folder in zoo.parents.items()}
        states = {name: dict(model.state_dict()) for name, model in models.items()}
        whole = eval_tokens(config)
        half = eval_tokens(config, config.eval_prompts // 2)
        live = load(zoo.base)
        sweep = {
            scale: _score(live, task_arithmetic(states[BASE], _uniform(states, scale)), whole)
            for scale in scales
        }
        return Report(
            parents={name: accuracies(model, whole) for name, model in models.items()},
            sweep=sweep,
            points=tuple(
                Point(name, _score(live, merged, half), merged.nonzero)
                for name, merged in _candidates(states, Random(config.seed), random_trials)
            ),
            seconds=zoo.seconds,
            cpu_seconds=zoo.cpu_seconds,
            evaluated=config.eval_prompts,
            seconds_at_most=SECONDS_AT_MOST * config.work / DEFAULT.work,
        )


def _candidates(
    states: Mapping[str, State], rng: Random, random_trials: int
) -> Iterator[tuple[str, Merged]]:
    """Yield the parents, the uniform average and random dare_ties merges, each with a name."""
    base = states[BASE]
    experts = {name: state for name, state in states.items() if name != BASE}
    for name, state in states.items():
        yield name, task_arithmetic(base, [Pull(state, 1.0)])
    yield "uniform", task_arithmetic(base, _uniform(states, 1 / len(experts)))
    for trial in range(random_trials):
        pulls = [Pull(s, rng.uniform(*WEIGHT), rng.uniform(*DENSITY)) for s in experts.values()]
        generator = torch.Generator().manual_seed(rng.randrange(2**31))
        yield f"trial {trial + len(states) + 1}", dare_ties(base, pulls, generator)


def _uniform(states: Mapping[str, State], weight: float) -> list[Pull]:
    return [Pull(state, weight) for name, state in states.items() if name != BASE]


def _score(model: LlamaForCausalLM, merged: Merged, data: Mapping[str, Tokens]) -> Scores:
    model.load_state_dict(merged.state)
    return accuracies(model, data)
