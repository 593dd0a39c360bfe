"""What a merge should beat: merges that anybody makes without a search, with the papers' numbers.

    uniform          the average of the experts (Wortsman et al., "Model soups", 2022,
                     https://arxiv.org/abs/2203.05482)
    greedy_soup      experts join the average, best first, while the mean search score does not
                     fall (the same paper, recipe 1): see `search.soup`
    task_arithmetic  base + s * the sum of the task vectors, at the scale s with the best mean
                     search score (Ilharco et al., "Editing models with task arithmetic", 2023,
                     https://arxiv.org/abs/2212.04089, who choose s on held-out data from a grid in
                     steps of 0.05; here 0.1, 0.2, ... 1.0: steps of 0.1 tell less than the noise)
    ties             density 0.2, lambda 1, mean of what agrees with the sign (Yadav et al.,
                     "TIES-Merging", 2023, https://arxiv.org/abs/2306.01708: the numbers that they
                     advise where there are no data to choose by)
    dare_ties        drop rate 0.2, that is density 0.8, rescaled, then as TIES without trimming, at
                     lambda 1 (Yu et al., "Language Models are Super Mario", 2024,
                     https://arxiv.org/abs/2311.03099; the rate with which its authors' own
                     commands merge language models)
    model_stock      Jang et al., 2024, https://arxiv.org/abs/2403.19522; it has no number
    slerp            half-way between the two experts with the best mean search scores

The dtype, the tokenizer and the seed of masks are those of the run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from optimerge.recipe.schema import InputModel, Recipe
from optimerge.recipe.values import constants
from optimerge.records.origins import BASE
from optimerge.search.parents import origins
from optimerge.search.session import Session
from optimerge.search.soup import soup_recipe

SCALES = tuple(round(0.1 * k, 1) for k in range(1, 11))
"""Of task arithmetic."""
Numbers = Mapping[str, float | bool]


@dataclass(frozen=True)
class Baseline:
    """One kind of merge that needs no search."""

    name: str
    about: str
    least: int = 1
    """Fewest experts."""
    make: Callable[[Session, Sequence[str]], Recipe] | None = None
    """Its recipe, from the experts' references, best first; None: it is found by search scores."""
    chooses: bool = False
    """Whether it depends on the search scores of the experts or of its candidates."""
    own_tokens: bool = True
    """Whether it can be made where the space names a tokenizer."""


def task_vectors(method: str, each: Numbers, shared: Numbers) -> Callable[..., Recipe]:
    """Return what makes a recipe of task vectors that all have the same numbers."""

    def make(session: Session, experts: Sequence[str]) -> Recipe:
        models = [
            InputModel(model=r, parameters=constants(each)) for r in _in_order(session, experts)
        ]
        recipe = Recipe(
            merge_method=method,
            base_model=session.models.base.reference,
            models=models,
            parameters=constants(shared),
            dtype=session.space.any_recipe.dtype,
        )
        return session.with_tokens(recipe)

    return make


def scaled(scale: float) -> Callable[..., Recipe]:
    """Return what makes the recipe of task arithmetic at a scale."""
    return task_vectors("task_arithmetic", {"weight": scale}, {"normalize": False, "lambda": 1.0})


def _slerp(session: Session, experts: Sequence[str]) -> Recipe:
    first, second = _in_order(session, experts[:2])
    recipe = Recipe(
        merge_method="slerp",
        base_model=first,
        models=[InputModel(model=first), InputModel(model=second)],
        parameters=constants({"t": 0.5}),
        dtype=session.space.any_recipe.dtype,
    )
    # With int8 task vectors an expert has steps from the base alone, not from another expert.
    return session.with_tokens(recipe, whole=True)


_AGREED: Numbers = {"normalize": True, "lambda": 1.0}

BASELINES = (
    Baseline("uniform", "average of the experts", 2, soup_recipe),
    Baseline("greedy_soup", "experts that raise the average's mean search score", 2, chooses=True),
    Baseline("task_arithmetic", "best single scale by mean search score", chooses=True),
    Baseline(
        "ties",
        "density 0.2, lambda 1",
        make=task_vectors("ties", {"weight": 1.0, "density": 0.2}, _AGREED),
    ),
    Baseline(
        "dare_ties",
        "density 0.8, lambda 1",
        make=task_vectors(
            "dare_ties", {"weight": 1.0, "density": 0.8}, {**_AGREED, "rescale": True}
        ),
    ),
    Baseline(
        "model_stock",
        "between base and average by the task vectors' angles",
        2,
        task_vectors("model_stock", {}, {"filter_wise": False}),
    ),
    Baseline("slerp", "half-way between the two best experts", 2, _slerp, True, own_tokens=False),
)


def experts_of(session: Session) -> list[str]:
    """Return the references of the experts, in the space's order."""
    return [reference for reference, origin in origins(session).items() if origin != BASE]


def why_not(session: Session, baseline: Baseline, *, tasks: bool) -> str:
    """Return why a run cannot have a baseline, "" if it can; `tasks`: whether it scores tasks."""
    if session.models.layers is not None:
        return "the space lays out layers, and its models cannot be merged tensor by tensor"
    if not session.models.has_base:
        return "the space has no base model"
    if len(experts_of(session)) < baseline.least:
        return f"it merges {baseline.least} experts, and the space has {len(experts_of(session))}"
    if baseline.chooses and not tasks:
        return "it is chosen by search scores of tasks, and no objective is a task"
    if not baseline.own_tokens and session.space.any_recipe.output_tokenizer is not None:
        return "the space names a tokenizer, and it has an expert in the base model's place"
    return ""


def _in_order(session: Session, experts: Sequence[str]) -> list[str]:
    return [reference for reference in experts_of(session) if reference in experts]
