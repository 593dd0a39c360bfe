"""Chooses a plan at start-up: the cheapest that answers as the plain model does."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from optimerge.objectives.tokens.budget import Budget, probe_budget
from optimerge.objectives.tokens.groups import shared_prefixes
from optimerge.objectives.tokens.make import Name, make_plan
from optimerge.objectives.tokens.masks import CannotMask
from optimerge.objectives.tokens.pairs import PairPlan
from optimerge.objectives.tokens.plan import RowPlan, TokenPlan
from optimerge.objectives.tokens.reference import Reference, ask_plainly
from optimerge.objectives.tokens.request import Chain, Request, Tokens

SPREAD = 12
"""Documents taken evenly from the shortest to the longest."""
REQUESTS = 8
"""Requests taken of one document."""
WORTH = 0.9
"""A plan must cost less than this of a simpler one to be tried."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """The plan to use, and why: one sentence for the log."""

    plan: TokenPlan
    reason: str


def choose_plan(
    model: Any, requests: Sequence[Request], *, max_length: int, budget: Budget | None = None
) -> Choice:
    """Return the cheapest plan that agrees with the plain model on about twenty documents.

    Tried in turn: shared, tree, flat, then level (flat without padding), and at last rows one by
    one, which is the plain model. What a plan costs is counted, not timed: the choice is the same
    each time. The model must be in evaluation mode; its weights should be a usable model's.
    """
    if getattr(model.config, "is_encoder_decoder", False):
        # Nothing to choose: its context is seen from both sides and cannot be shared.
        pairs = PairPlan(requests, model, max_length=max_length, budget=budget or Budget())
        return Choice(pairs, "flat: the model has an encoder")
    if budget is None:
        longest = max(len(Chain.of(each, 0, max_length).inputs) for each in requests)
        budget = probe_budget(model, longest)

    @cache
    def make(name: Name) -> RowPlan:
        return make_plan(name, requests, model, max_length=max_length, budget=budget)

    sample = [requests[i] for i in pick(requests, max_length)]
    reference = ask_plainly(model, sample, max_length)
    flat = make("flat")
    if not all(abs(value) < float("inf") for value in reference.loglikelihoods):
        return Choice(flat, "flat: the model's own answers are not finite, nothing can be checked")
    reasons: list[str] = []
    for name in _worth_trying(make, flat, reasons):
        trial = Budget(min(budget.tokens, 4096), budget.logits, budget.kept)
        wrong = _check(name, model, sample, reference, max_length, trial)
        if wrong is None:
            plan = flat if name == "flat" else make(name)
            spared = f" where flat runs {flat.tokens}" if plan.tokens < flat.tokens else ""
            reasons.append(
                f"it runs {plan.tokens} tokens{spared}, and answers as the plain model on "
                f"{len(sample)} requests"
            )
            return Choice(plan, f"{name}: {'; '.join(reasons)}")
        reasons.append(f"{name} was refused, {wrong}")
    alone = make_plan(
        "level",
        requests,
        model,
        max_length=max_length,
        budget=Budget(1, budget.logits, budget.kept),
    )
    return Choice(alone, f"one by one: {'; '.join(reasons)}")


def _worth_trying(make: Any, flat: RowPlan, reasons: list[str]) -> list[Name]:
    """Return names of plans from the cheapest on; say in `reasons` why one cannot be made."""
    names: list[Name] = ["flat", "level"]
    least = flat.cost
    for name in ("tree", "shared"):
        try:
            cost = make(name).cost
        except CannotMask as error:
            reasons.append(f"the model takes no {name} plan, {error}")
            break
        if cost < WORTH * least:
            names.insert(0, name)
            least = cost
    return names


def _check(
    name: Name,
    model: Any,
    sample: Sequence[Request],
    reference: Reference,
    max_length: int,
    budget: Budget,
) -> str | None:
    """Say what is wrong with a plan's answers on the sample; None if nothing is."""
    import numpy as np

    try:
        plan = make_plan(name, sample, model, max_length=max_length, budget=budget, overhead=0)
        answers = plan.answer(model)
    except Exception as error:  # A model may refuse a mask or a cache in any way.
        log.debug("plan %r", name, exc_info=True)
        return f"the model raised {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    off = np.abs(answers.loglikelihoods - reference.loglikelihoods)
    # `not <=`, so that NaN is wrong.
    if not bool((off <= reference.limits).all()):
        worst = int(np.nan_to_num(off - reference.limits, nan=np.inf).argmax())
        return (
            f"a log-likelihood is {answers.loglikelihoods[worst]:.6g}, the plain model's "
            f"{reference.loglikelihoods[worst]:.6g}"
        )
    clear = reference.margins > 2 * reference.limits
    if bool((clear & (answers.greedy != reference.greedy)).any()):
        return "greedy decoding gives another answer than the plain model's"
    return None


def pick(requests: Sequence[Request], max_length: int) -> list[int]:
    """Choose requests for the check: of about twenty documents, all requests but no more than 8.

    A document is what has one context. Taken are documents evenly from the shortest to the
    longest, that with the longest answer, with most requests, the longest of several inputs, and
    three of each of the three largest groups that share a prefix.
    """
    documents: dict[Tokens, list[int]] = defaultdict(list)
    for number, request in enumerate(requests):
        documents[request.context].append(number)
    chains = [Chain.of(each, i, max_length) for i, each in enumerate(requests)]

    def length(context: Tokens) -> int:
        return max(len(chains[i].inputs) for i in documents[context])

    by_length = sorted(documents, key=lambda context: (length(context), context))
    last = len(by_length) - 1
    chosen = {by_length[last * k // (SPREAD - 1)]: None for k in range(SPREAD)}
    chosen[max(requests, key=lambda each: len(each.answer)).context] = None
    chosen[max(by_length, key=lambda context: len(documents[context]))] = None
    branching = [c for c in by_length if len({chains[i].inputs for i in documents[c]}) > 1]
    chosen.update(dict.fromkeys(branching[-1:]))
    ordered = sorted(chains)
    spans = [span for span in shared_prefixes(ordered) if span.prefix]
    for span in sorted(spans, key=lambda span: span.start - span.stop)[:3]:
        for place in (span.start, (span.start + span.stop) // 2, span.stop - 1):
            chosen[requests[ordered[place].request].context] = None
    picked: list[int] = []
    for context in chosen:
        numbers = documents[context]
        # Evenly, so that distinct inputs are among them.
        picked += numbers[:: -(-len(numbers) // REQUESTS)]
    return sorted(picked)
