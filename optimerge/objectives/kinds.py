"""The kinds of objectives beside tasks and sparsity: which class scores which."""

from typing import TYPE_CHECKING, Any, Protocol

from optimerge.objectives.context import Context
from optimerge.objectives.drift import DriftScorer
from optimerge.objectives.function import FunctionScorer
from optimerge.objectives.length import LengthScorer
from optimerge.objectives.parameters import ParametersScorer
from optimerge.objectives.perplexity import PerplexityScorer
from optimerge.objectives.plugin import plugin_scorer
from optimerge.objectives.protocol import Objective
from optimerge.space.objective_kinds.drift import DriftObjective
from optimerge.space.objective_kinds.function import FunctionObjective
from optimerge.space.objective_kinds.length import LengthObjective
from optimerge.space.objective_kinds.parameters import ParametersObjective
from optimerge.space.objective_kinds.perplexity import PerplexityObjective
from optimerge.space.objective_kinds.plugin import PluginObjective
from optimerge.space.objectives import OtherObjective, objective_name

if TYPE_CHECKING:

    class Described(Objective, Protocol):
        """An objective that says in a few words what it is."""

        @property
        def facts(self) -> str:
            """What `optimerge check` says of it."""


SCORERS: dict[type[Any], Any] = {
    PerplexityObjective: PerplexityScorer,
    DriftObjective: DriftScorer,
    LengthObjective: LengthScorer,
    ParametersObjective: ParametersScorer,
    FunctionObjective: FunctionScorer,
    PluginObjective: plugin_scorer,
}
"""By the spec's class, what is called with name, spec and context."""


def make_objective(spec: OtherObjective, context: Context) -> "Described":
    """Make the scorer of a spec; TaskError if its file or function cannot be used."""
    made: Described = SCORERS[type(spec)](objective_name(spec), spec, context)
    return made
