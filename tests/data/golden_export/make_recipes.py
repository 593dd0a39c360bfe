"""Writes recipes.json: what is exported of a random point of every space, in exact mode.

    PYTHONPATH=. python tests/data/golden_export/make_recipes.py

The spaces are those of `tests/export/roads.py`; methods that only optimerge has are left out.
"""

import json
import logging
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[1] / "export"))
import roads  # noqa: E402


def main() -> None:
    """Walk every road and keep what mergekit can build."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as place:
        zoo, engines = roads.make_zoo(Path(place)), {}
        found = {}
        for name in roads.spaces():
            _, text = roads.Road(name, zoo, "exact", engines).walk()
            if (recipe := roads.for_mergekit(text, zoo)) is not None:
                found[name] = recipe
    lines = (f"{json.dumps(name)}: {json.dumps(recipe)}" for name, recipe in found.items())
    (HERE / "recipes.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
