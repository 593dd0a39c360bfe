"""A tiny zoo: a base and three fine-tunes with local lm-eval tasks, trained here in under a minute.

Real models for the demo, tests and benchmarks: Llamas of 170 000 parameters that do small puzzles,
and whose merges are neither trivial nor hopeless. `make_zoo(folder)` is all that a caller needs.
Importing this package does not import torch.
"""

from optimerge.zoo.config import DEFAULT, HARD, TINY, ZooConfig
from optimerge.zoo.folder import Zoo
from optimerge.zoo.make import default_directory, make_zoo

__all__ = ["DEFAULT", "HARD", "TINY", "Zoo", "ZooConfig", "default_directory", "make_zoo"]
