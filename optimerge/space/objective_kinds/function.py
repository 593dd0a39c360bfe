"""`function: module:function`: the user's own Python on the live model."""

import re
from typing import Literal

from pydantic import field_validator

from optimerge.space.objective_kinds.settings import ObjectiveSettings

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class FunctionObjective(ObjectiveSettings):
    """What a Python function says of the live model; runs only with --allow-code."""

    function: str
    """`module:function`; the module is looked for beside the search-space file, then among the
    installed ones."""
    direction: Literal["minimize", "maximize"]
    """Whether less or more is better."""

    @field_validator("function")
    @classmethod
    def _names_both(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("write it as module:function, for example `checks:rhymes`")
        return value

    @property
    def label(self) -> str:
        """Its name where none is given."""
        return self.function.partition(":")[2]
