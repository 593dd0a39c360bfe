"""The error tree: everything a user can cause is an OptimergeError.

    OptimergeError          bad input: one sentence on stderr, exit code 2, no traceback
    ├── RecipeError         a recipe or search-space file says something impossible
    ├── MethodError         a merge method got numbers or tensors it cannot merge
    ├── CheckpointError     a model's files are missing, cut or do not fit together
    │   └── ModelNotFoundError    a model that is not on this machine and cannot be fetched
    ├── TaskError           an lm-eval task or metric cannot be used
    ├── RunError            a run folder cannot be read, written or resumed
    ├── HubError            a model cannot be published: no token, no right, no network
    ├── PluginError         an installed package announces something that cannot be used
    └── TrialError          one candidate cannot be built or scored: a failed trial, not the end

A message is one sentence that names the file, the key, the value and the remedy.
"""

import difflib
from collections.abc import Iterable


class OptimergeError(Exception):
    """Bad input, said in one sentence."""


class RecipeError(OptimergeError):
    """A recipe or a search space that cannot mean anything."""


class MethodError(OptimergeError):
    """Numbers or tensors that a merge method cannot merge."""


class CheckpointError(OptimergeError):
    """Model files that are missing, cut, or of another shape than their partners."""


class ModelNotFoundError(CheckpointError):
    """A model that is neither on this machine nor to be had from the Hub."""


class TaskError(OptimergeError):
    """An lm-eval task or metric that is not there or cannot be used."""


class RunError(OptimergeError):
    """A run folder that cannot be read, written or resumed."""


class HubError(OptimergeError):
    """A model that cannot be published on the Hugging Face Hub."""


class PluginError(OptimergeError):
    """A method, sampler or objective of an installed package that cannot be used."""


class TrialError(OptimergeError):
    """One candidate that cannot be built or scored."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like a given one, or "" if none is like it."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return near[0] if near else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest known name, or "" if none is near."""
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else ""
