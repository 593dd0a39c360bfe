"""The family of models with different vocabularies, from the recorded data's own script."""

import importlib.util
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "golden_vocab"

_spec = importlib.util.spec_from_file_location("golden_vocab_family", DATA / "family.py")
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
make_family = _module.make_family
