"""What every block of a recipe is: frozen, and without keys that are not known."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A block of a recipe file; an unknown key in it is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
