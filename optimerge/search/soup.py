"""Greedy soup: experts join a uniform average, best first, if the mean search score does not fall.

Wortsman et al., "Model soups", 2022, https://arxiv.org/abs/2203.05482, recipe 1:

    soup = [best expert]
    for expert in the others, best first:
        if score(average(soup + [expert])) >= score(average(soup)): soup.append(expert)

The score of a candidate is the mean of its search scores on the space's tasks; a task whose
scores are minimised counts with a minus. Every soup is built in the resident model, scored and
kept in the run's study "parents" (it is no point of the search space), so a soup that was scored
once is not scored again, and a stopped command goes on where it was.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from optimerge.errors import RunError
from optimerge.front.task_mean import mean_to_choose_by
from optimerge.recipe.schema import Recipe
from optimerge.records.origins import BASE, SOUP
from optimerge.records.types import Trial
from optimerge.search.beside import score_beside
from optimerge.search.budget import Budget, Stop
from optimerge.search.lease import Lease
from optimerge.search.parents import origins, score_parents
from optimerge.search.session import Session
from optimerge.space.objectives import TaskObjective, objective_name


@dataclass(frozen=True)
class Step:
    """One expert's turn."""

    expert: str
    """Its short name."""
    trial: Trial
    """The soup with this expert in it; of the first step, the expert itself."""
    mean: float
    """Mean search score of that soup; NaN if it could not be built or scored."""
    kept: bool
    """Whether the expert stays in the soup."""


def task_objectives(session: Session) -> list[str]:
    """Return the names of the objectives that are tasks; RunError if there is none."""
    specs = [spec for spec in session.space.objectives if isinstance(spec, TaskObjective)]
    if not specs:
        raise RunError(
            f"{session.space.file}: no objective is a task, so there is no score to choose the "
            "experts by; add one with `task:`"
        )
    return [objective_name(spec) for spec in specs]


def mean_score(trial: Trial, tasks: Sequence[str]) -> float:
    """Return the mean of a trial's scores on the tasks, larger is better; NaN if it has none."""
    if trial.state != "complete":
        return math.nan
    return mean_to_choose_by(trial.scores[name] for name in tasks)


def greedy_soup(session: Session, stop: Stop) -> Iterator[Step]:
    """Yield each expert's turn; the last step that was kept holds the soup.

    Scores the parents first where the run does not have them yet. Ends early if a stop is asked
    for. RunError if no task is scored, or no expert can be scored.
    """
    with Lease(session.run, session.worker) as lease:
        yield from soup_steps(session, stop, lease)


def soup_steps(session: Session, stop: Stop, lease: Lease) -> Iterator[Step]:
    """As `greedy_soup`, for who holds a lease already."""
    tasks = task_objectives(session)
    lease.settle(stop)
    for _ in score_parents(session, Budget(None, None), stop, lease):
        pass
    soup: list[str] = []
    best = -math.inf
    for reference, alone in ranked_experts(session, tasks, stop):
        if stop.requested:
            return
        wanted = [*soup, reference]
        trial = _scored(session, lease, wanted) if soup else alone
        mean = mean_score(trial, tasks)
        kept = mean >= best
        if kept:
            soup, best = wanted, mean
        yield Step(session.models.names[reference], trial, mean, kept)


def soup_recipe(session: Session, experts: Sequence[str]) -> Recipe:
    """Return the uniform average of experts, in the space's order whatever the order given.

    The base is listed with weight 0: it gives configuration and tokenizer, and no weights. So are
    the other experts where the space names a tokenizer: see `Session.weighted`.
    """
    weights = dict.fromkeys(experts, 1.0)
    return session.with_tokens(session.weighted(weights, session.space.any_recipe.dtype))


def ranked_experts(session: Session, tasks: Sequence[str], stop: Stop) -> list[tuple[str, Trial]]:
    """Return the experts that have scores, by reference, best first; ties in the space's order."""
    trials = {t.origin: t for t in session.run.trials() if t.is_parent and t.state == "complete"}
    found = [(r, trials[o]) for r, o in origins(session).items() if o != BASE and o in trials]
    if not found and not stop.requested:
        raise RunError(
            f"{session.run.folder}: no expert can be scored; see log.txt there for the reason"
        )
    return sorted(found, key=lambda each: -mean_score(each[1], tasks))


def _scored(session: Session, lease: Lease, experts: Sequence[str]) -> Trial:
    """Return the trial of a soup: that of an earlier time, or a new one."""
    names = [name for r, name in session.models.names.items() if r in experts]
    return score_beside(session, lease, soup_recipe(session, experts), SOUP + "+".join(names))
