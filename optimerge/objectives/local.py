"""Answers by the resident model itself, in this process."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast, get_args

from optimerge.objectives.answering import Writing
from optimerge.objectives.generation.remote.model import RemoteModel
from optimerge.objectives.halving import Rows
from optimerge.objectives.live import LiveModel, Tokens
from optimerge.objectives.tokens.budget import Budget
from optimerge.objectives.tokens.make import Name, make_plan
from optimerge.objectives.tokens.pairs import PairPlan
from optimerge.objectives.tokens.plan import TokenPlan
from optimerge.objectives.tokens.request import Request
from optimerge.space.generation import Generation

if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)
_WAY = re.compile(
    r"(?P<name>[a-z]+), (?P<tokens>[1-9]\d{0,15}) tokens, (?P<logits>[1-9]\d{0,15}) logits "
    r"and (?P<kept>[1-9]\d{0,15}) kept tokens a batch"
)


@dataclass(frozen=True)
class Way:
    """How log-likelihoods are run: it decides the batches, so it is recorded with a run."""

    name: Name
    """A token plan's."""
    budget: Budget

    def __str__(self) -> str:
        limits = f"{self.budget.tokens} tokens, {self.budget.logits} logits"
        return f"{self.name}, {limits} and {self.budget.kept} kept tokens a batch"

    @classmethod
    def parse(cls, text: str) -> "Way | None":
        """Return the way that `str` wrote; None for "" and for what another version wrote.

        >>> str(Way.parse("tree, 2048 tokens, 64 logits and 32 kept tokens a batch"))
        'tree, 2048 tokens, 64 logits and 32 kept tokens a batch'
        """
        found = _WAY.fullmatch(text)
        if found is None or found["name"] not in get_args(Name):
            return None
        limits = (int(found[limit]) for limit in ("tokens", "logits", "kept"))
        return cls(cast(Name, found["name"]), Budget(*limits))


class LocalAnswering:
    """The resident model answers, by token plans that were checked against plain rows."""

    def __init__(
        self,
        live: LiveModel,
        generation: Generation | None = None,
    ) -> None:
        self.live = live
        self.way: Way | None = None
        """None until `prepare` chose one."""
        self.generation = generation or Generation()
        self.rows = Rows(live.lm.batch_size)
        """Rows that are generated at a time, in all tasks."""
        vllm = self.generation.vllm
        self._remote = None if vllm is None else RemoteModel(live, vllm)

    def prepare(self, pairs: Sequence[Tokens], model: "PreTrainedModel") -> None:
        """Choose the fastest way that answers these as plain rows do, once."""
        from optimerge.objectives.guard import evaluation_mode
        from optimerge.objectives.tokens.choose import choose_plan

        if self.way is not None or not pairs:
            return
        with evaluation_mode(model):
            choice = choose_plan(model, _requests(pairs), max_length=self.live.lm.max_length)
        log.info("token plan %s", choice.reason)
        self.way = Way(cast(Name, choice.plan.name), choice.plan.budget)

    def plan(self, pairs: Sequence[Tokens]) -> TokenPlan:
        """Return the batches for some contexts and continuations."""
        model = self.live.lm.model
        self.prepare(pairs, model)
        assert self.way is not None
        room, budget = self.live.lm.max_length, self.way.budget
        if model.config.is_encoder_decoder:
            return PairPlan(_requests(pairs), model, max_length=room, budget=budget)
        return make_plan(self.way.name, _requests(pairs), model, max_length=room, budget=budget)

    def writing(self, instances: Sequence[Any]) -> Writing:
        """Return the prompts of some generation requests, made ready."""
        from optimerge.objectives.generation.continuous import ContinuousWriting
        from optimerge.objectives.generation.static import StaticWriting

        if self._remote is not None:
            from optimerge.objectives.generation.remote.writing import RemoteWriting

            return RemoteWriting(self.live, instances, self._remote)
        if self.generation.batching == "continuous":
            return ContinuousWriting(self.live, instances)
        return StaticWriting(self.live, instances, self.rows)

    def changed(self) -> None:
        """Hear that the weights are others: only a model in another process has a copy."""
        if self._remote is not None:
            self._remote.stale = True


def _requests(pairs: Sequence[Tokens]) -> list[Request]:
    return [Request(tuple(context), tuple(answer)) for _, context, answer in pairs]
