"""Checks objectives that are neither tasks nor sparsity: their files and functions, no weights."""

from collections.abc import Mapping

from optimerge.objectives.context import Context
from optimerge.objectives.kinds import make_objective
from optimerge.search.models import Models
from optimerge.search.tokenizer import load_tokenizer
from optimerge.space.objectives import SparsityObjective, TaskObjective, objective_name
from optimerge.space.space import SearchSpace


def check_others(
    space: SearchSpace, models: Models, *, allow_code: bool = False
) -> Mapping[str, str]:
    """Make the objectives as a search does, and return what each is, by name.

    TaskError if the file or function of one cannot be used.
    """
    from transformers import AutoConfig

    specs = [s for s in space.measured if not isinstance(s, TaskObjective | SparsityObjective)]
    if not specs:
        return {}
    config = AutoConfig.from_pretrained(models.base.path, trust_remote_code=models.base.trust_code)
    context = Context(config, load_tokenizer(models), space.folder, allow_code)
    made = {objective_name(spec): make_objective(spec, context) for spec in specs}
    return {name: f"{each.direction} {each.facts}" for name, each in made.items()}
