"""`optimerge export --verify`: opens the run's models, verifies, and says what was found."""

from pathlib import Path

from optimerge.api.run import Run
from optimerge.cli.quiet import quiet
from optimerge.cli.screen import out, say
from optimerge.export.compare import Distance
from optimerge.export.verify import Verified
from optimerge.front.choose import Choice
from optimerge.records.types import Score


def verify_export(
    run: Run,
    choice: Choice,
    file: Path,
    mergekit: str | None,
    *,
    device: str,
    allow_code: bool = False,
    trust_code: bool = False,
) -> int:
    """Verify an exported file, print what was found, return the exit code: 1 if unsound."""
    with quiet(scoring=True):
        found = run.verify(
            choice,
            file,
            mergekit,
            device=device,
            allow_code=allow_code,
            trust_code=trust_code,
            say=say,
        )
    for line in lines(found):
        out().print(line)
    return 0 if found.sound else 1


def lines(found: Verified) -> list[str]:
    """Return what a verification found, a sentence a line."""
    said = [f"optimerge build against what was scored: {_tensors(found.built)}"]
    if not found.counted:
        said.append(
            "  the merge does not change the base as it did when it was scored: the models or "
            "the versions are others"
        )
    if found.theirs is None:
        return [*said, "mergekit cannot build the recipe: only `optimerge build` can"]
    said.append(f"mergekit against optimerge build: {_tensors(found.theirs)}")
    if found.theirs.same:
        return said
    of_change = ""
    if found.change:
        of_change = f", {found.theirs.l2 / found.change:.3g} of what the merge changed"
    said.append(
        f"  {found.theirs.share:.2%} of the entries differ, by at most {found.theirs.largest:.3g} "
        f"(in {found.theirs.where}); relative distance {found.theirs.relative:.3g}{of_change}"
    )
    if not found.by_design:
        return [*said, *_why(found)]
    said.append(f"  as it must be: {found.by_design}")
    if found.scores:
        said.append("  search scores of optimerge's build and of mergekit's:")
        said += [f"    {name}: {_scores(*pair)}" for name, pair in found.scores.items()]
    if found.repeated is not None:
        what = "are those" if found.repeated else "are NOT those"
        said.append(f"  the scores of optimerge's build {what} that the run recorded")
    return said


def _tensors(distance: Distance) -> str:
    if distance.same:
        return f"all {distance.tensors} tensors are equal, bit for bit"
    only = f"; {len(distance.only)} are in one alone ({distance.only[0]})" if distance.only else ""
    return f"{distance.equal} of {distance.tensors} tensors are equal, bit for bit{only}"


def _why(found: Verified) -> list[str]:
    why, said = found.why, []
    if why.tied:
        said.append(
            f"  {why.tied} entries have the magnitude at which the method stops keeping, as others "
            "have (fast mode: about that): which of them are kept, each tool decides by itself"
        )
    if why.rounded:
        said.append(
            f"  {why.rounded} entries differ by a last digit: fast mode adds up in another order"
        )
    if why.unexplained:
        said.append(f"  UNEXPLAINED: {why.unexplained} entries, the first in {why.where}")
    return said


def _scores(ours: Score, theirs: Score) -> str:
    gap = theirs.value - ours.value
    return f"{ours.value:.4f} and {theirs.value:.4f} ({gap:+.4f})"
