"""Proves an exported recipe: what was scored, what we build, what mergekit builds, side by side.

    resident model (the trial, merged again)  ==  optimerge build  ~  mergekit-yaml

The first two must be equal, bit for bit. mergekit's build is equal too, but for what cannot be:
random masks in fast mode (then how far the two are apart, and their scores), and entries of equal
magnitude at the edge of what a method keeps.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import isclose
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from optimerge.checkpoint.architecture import has_token_rows
from optimerge.checkpoint.folder import open_checkpoint
from optimerge.checkpoint.read import TensorReader
from optimerge.checkpoint.staging import DiskError, free_bytes
from optimerge.checkpoint.tokenizer import read_tokenizer
from optimerge.errors import RunError
from optimerge.export.build import build
from optimerge.export.compare import Distance, compare
from optimerge.export.explain import Explained, explain
from optimerge.export.folder_scores import score_folder
from optimerge.export.mergekit import run_mergekit
from optimerge.methods.registry import method_named
from optimerge.objectives.protocol import Candidate
from optimerge.recipe.read import parse_recipe
from optimerge.recipe.schema import Recipe
from optimerge.recipe.write import with_references
from optimerge.records.types import MergeStats, Score, Trial
from optimerge.search.parent_answers import look_at_parents
from optimerge.search.session import Session

if TYPE_CHECKING:
    from torch import Tensor

Say = Callable[[str], None]
Read = Callable[[str], "Tensor | None"]


@dataclass(frozen=True)
class Verified:
    """What came of it."""

    built: Distance
    """From what was scored, merged again, to our build."""
    counted: bool
    """Whether merging again changed as much of the base as the run recorded."""
    theirs: Distance | None
    """From our build to mergekit's; None: mergekit cannot build the recipe."""
    by_design: str = ""
    """Why mergekit's tensors must differ; "" if they must not."""
    change: float = 0.0
    """Length of what the merge changed of the base; 0 if it has none to compare with."""
    why: Explained = field(default_factory=Explained)
    """Of the entries that differ though they must not."""
    scores: Mapping[str, tuple[Score, Score]] = field(default_factory=dict)
    """Where they differ by design: by objective, on search items, of our build and mergekit's."""
    repeated: bool | None = None
    """Whether our build's scores are those that the run recorded; None: not scored."""

    @property
    def sound(self) -> bool:
        """Whether all that must be equal is."""
        return (
            self.built.same
            and self.counted
            and self.repeated is not False
            and (self.theirs is None or bool(self.by_design) or not self.why.unexplained)
        )


def verify(
    session: Session,
    trial: Trial,
    file: Path,
    mergekit: Path | None,
    say: Say = lambda _: None,
) -> Verified:
    """Verify the exported recipe in `file`, of a trial of the session's run.

    `mergekit`: its program; None: it cannot build the recipe. Models are built into a temporary
    folder beside `file`, which goes away in any case. RunError if the run's models are elsewhere;
    OptimergeError if a build fails.
    """
    recipe = recalled(session, trial)
    engine = session.engine
    say("merging the trial again")
    look_at_parents(session)
    stats = engine.apply(recipe)
    resident = dict(engine.tensors())
    _check_disk(file, resident, 1 + (mergekit is not None))
    with TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.verify-") as place:
        say("building with optimerge")
        build(file, Path(place) / "ours")
        with _reading(Path(place) / "ours") as (names, ours):
            built = compare(resident, resident.get, ours)
            counted = _repeats(stats, trial.stats)
            if mergekit is None:
                return Verified(built, counted, None)
            say("building with mergekit")
            run_mergekit(mergekit, file, Path(place) / "theirs", engine.seed)
            with _reading(Path(place) / "theirs", like=Path(place) / "ours") as (others, theirs):
                wanted = sorted({*names, *others})
                far = compare(wanted, ours, theirs)
                design = _by_design(session, recipe)
                change = stats.l2 if stats.compared else 0.0
                if far.same:
                    return Verified(built, counted, far, design, change)
                if not design:
                    why = explain(session, recipe, wanted, ours, theirs)
                    return Verified(built, counted, far, design, change, why)
                say("scoring both")
                mine = session.evaluation.score(Candidate(engine.model, stats)).scores
                other = score_folder(session, others, theirs)
    again = all(mine[n].value == s.value for n, s in trial.scores.items() if n in mine)
    both = {name: (score, other[name]) for name, score in mine.items()}
    return Verified(built, counted, far, design, change, scores=both, repeated=again)


def recalled(session: Session, trial: Trial) -> Recipe:
    """Return a trial's recipe with the models as the session calls them; RunError for others."""
    stored = parse_recipe(trial.recipe, f"trial {trial.name}")
    known = {place: given for given, place in session.models.places.items()}
    recipe = with_references(stored, known)
    lacking = [r for r in recipe.references() if r not in session.models.places]
    if lacking:
        raise RunError(
            f"{session.run.folder}: trial {trial.name} was merged from {lacking[0]}, which is none "
            "of the models of this run on this machine; verify it where it was searched"
        )
    return recipe


def _by_design(session: Session, recipe: Recipe) -> str:
    if session.engine.rounding is not None and recipe.block.task_vectors:
        return "it was scored with int8 task vectors, and mergekit takes the full weights"
    if session.engine.mode == "exact":
        return ""
    if method_named(recipe.merge_method).stochastic:
        return "in fast mode mergekit draws other random masks"
    if recipe.merge_method == "arcee_fusion":
        return "in fast mode all entries are looked at, where mergekit looks at a random sample"
    return ""


def _repeats(now: MergeStats, before: MergeStats | None) -> bool:
    """Whether a merge counted as before: whole numbers equal, sums but for their order."""
    if before is None:
        return True
    return (now.parameters, now.nonzero) == (before.parameters, before.nonzero) and all(
        isclose(a, b, rel_tol=1e-9) for a, b in ((now.l1, before.l1), (now.l2, before.l2))
    )


def _check_disk(file: Path, resident: "Mapping[str, Tensor]", builds: int) -> None:
    needed = builds * sum(t.numel() * t.element_size() for t in resident.values())
    free = free_bytes(file)
    if needed > free:
        raise DiskError(
            f"the disk of {str(file)!r} is too small to verify it: {needed} bytes are needed for a "
            f"while, {free} are free; free some, or name a file on another disk by -o"
        )


@contextmanager
def _reading(folder: Path, like: Path | None = None) -> Iterator[tuple[list[str], Read]]:
    """Give the names of a built folder's tensors and what reads one.

    `like`: another build, in whose order the rows of tokens are given; mergekit numbers the new
    tokens of a union by chance.
    """
    checkpoint = open_checkpoint(str(folder))
    order = _order(folder, like) if like else None
    with ExitStack() as stack:
        reader = stack.enter_context(TensorReader(checkpoint))

        def read(name: str) -> "Tensor | None":
            if name not in checkpoint.tensors:
                return None
            tensor = reader.read(name)
            if order is None or not has_token_rows(name):
                return tensor
            rows = [order.get(row, row) for row in range(len(tensor))]
            return tensor[rows]

        yield list(checkpoint.tensors), read


def _order(folder: Path, like: Path) -> dict[int, int] | None:
    """Return the row of `folder` for each row of `like`; None if they are the same, or unlike."""
    if not (folder / "tokenizer.json").is_file() or not (like / "tokenizer.json").is_file():
        return None
    own, wanted = read_tokenizer(folder).ids, read_tokenizer(like).ids
    if own == wanted or own.keys() != wanted.keys():
        return None
    return {row: own[token] for token, row in wanted.items()}
