"""A run, opened for looking at it, choosing from it and exporting what was chosen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from optimerge.errors import RunError
from optimerge.merge.device import default_device
from optimerge.records import run as run_records
from optimerge.records.run import find_trial, open_run
from optimerge.records.types import Direction, Score, Trial

if TYPE_CHECKING:
    import pandas as pd

    from optimerge.export.verify import Verified
    from optimerge.front.certainty import Certainty
    from optimerge.front.choose import Choice
    from optimerge.front.formats import Format
    from optimerge.front.front import Front
    from optimerge.front.history import History
    from optimerge.front.importance import Importance, Method
    from optimerge.retest.tested import Results
    from optimerge.retest.verdict import Verdict
    from optimerge.space.objective_kinds.settings import Bound


def load_run(path: str | Path, storage: str = "") -> "Run":
    """Open an existing run; a search may be at work in it.

        import optimerge

        run = optimerge.load_run("runs/mine")
        choice = run.choose("knee", at_least={"gsm8k": 0.55})
        print(choice.reason)
        run.export(choice, "recipe.yaml")
        optimerge.build("recipe.yaml", "merged")

    Args:
        path: The run folder.
        storage: URL of the database that keeps the run, if its folder does not; default
            `$OPTIMERGE_STORAGE`.

    Raises:
        RunError: If there is no run, or one that this optimerge cannot read.
    """
    return Run(open_run(Path(path), storage), storage)


@dataclass(frozen=True)
class Run:
    """A run as its storage has it now: every method reads it anew.

    Values are those that people read, never losses; all of them are search scores, but those of
    `retest` and `results`.
    """

    records: run_records.Run
    """The run's records: what it is a run of, its two Optuna studies."""
    storage: str = field(default="", repr=False)
    """URL of the database that keeps the run, as it was given: it may hold a password."""

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.records.folder

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.records.name

    @property
    def objectives(self) -> Mapping[str, Direction]:
        """What is optimised: "maximize" or "minimize" by name, in the study's order."""
        return self.records.info.objectives

    def trials(self) -> list[Trial]:
        """Return every trial in whatever state: parents first, then by number."""
        return self.records.trials()

    def trial(self, name: str | int) -> Trial:
        """Return the trial of that number, or the parent of that name; RunError if none is."""
        return find_trial(self.records, str(name))

    def front(self) -> "Front":
        """Return the Pareto front, measured from the reference point that the run fixed."""
        from optimerge.front.front import front_of

        return front_of(self.records)

    def certainty(self) -> "Certainty":
        """Return how sure the front is: `front.certainty.Certainty`.

        From the test items, if the run has been tested; else from a paired bootstrap over the
        search items, on which the front was chosen and is flattered. That reads the evidence of
        some hundred trials, and takes seconds.
        """
        from optimerge.retest.certainty import certainty_of

        return certainty_of(self.records, self.front(), self.results())

    def choose(
        self,
        how: str = "knee",
        *,
        at_least: Mapping[str, float] | None = None,
        at_most: Mapping[str, float] | None = None,
        limits: "Sequence[Bound]" = (),
    ) -> "Choice":
        """Return one trial, with the reason in one sentence; see `front.choose.make_choice`.

        Args:
            how: knee, mean, best:OBJECTIVE, weights:OBJECTIVE=W,..., dominates:PARENT or
                trial:NUMBER.
            at_least: Only trials whose scores are no lower than these, by name.
            at_most: Only trials whose scores are no higher.
            limits: More of both, as `front.limits.parse_limit` reads them.

        Raises:
            RunError: If that makes no sense in this run, or nothing is left to choose from.
        """
        from optimerge.front.choose import make_choice
        from optimerge.front.limits import make_limits

        return make_choice(self.front(), how, (*make_limits(at_least, at_most), *limits))

    def export(self, choice: "Choice | str" = "knee", file: str | Path | None = None) -> str:
        """Return the recipe of a chosen trial, and write it to a file if one is given.

        `choice`: what `choose` returned, or what it is to choose. The same trial gives the same
        bytes. Another recipe is replaced. RunError if nothing can be chosen, what is there is no
        recipe, or the file cannot be written.
        """
        from optimerge.export.recipe import export_text, write_export

        chosen = self.choose(choice) if isinstance(choice, str) else choice
        text = export_text(
            self.records, chosen.trial, chosen.label, self._test_scores(chosen.trial)
        )
        if file is not None:
            write_export(text, Path(file))
        return text

    def report(self, file: str | Path, how: str = "knee") -> None:
        """Write one HTML page about the run that stands by itself; `how` its choice is made.

        RunError if nothing can be chosen so, or the file not be written.
        """
        from optimerge.export.file import write_file
        from optimerge.report.contents import gather
        from optimerge.report.page import page

        write_file(page(gather(self.records, how)), Path(file))

    def to_pandas(
        self, *, every: bool = False, certainty: "Certainty | None" = None
    ) -> "pd.DataFrame":
        """Return the front as a flat table, a row a member; its columns: `front.table`.

        `every`: all trials in whatever state, not only the front. `certainty`: what the method of
        that name returned, for its columns.
        """
        from optimerge.front.certainty import NOTHING
        from optimerge.front.table import all_table, front_table

        front = self.front()
        known = certainty or NOTHING
        return all_table(self.trials(), front, known) if every else front_table(front, known)

    def in_format(
        self, form: "Format", *, every: bool = False, certainty: "Certainty | None" = None
    ) -> bytes:
        """Return the front (`every`: all trials) as csv, json, md or parquet: a file's bytes.

        `certainty`: what the method of that name returned, for its columns.
        """
        from optimerge.front.certainty import NOTHING
        from optimerge.front.formats import in_format

        trials = self.trials() if every else None
        return in_format(self.front(), form, trials, certainty or NOTHING)

    def history(self) -> "History":
        """Return the hypervolume after each complete trial, from the run's reference point."""
        from optimerge.front.history import make_history

        return make_history(
            self.trials(), self.objectives, self.records.reference, self.records.scales
        )

    def importance(self, objective: str, method: "Method" = "fanova") -> "Importance":
        """Return how much each parameter of the space decides an objective: `front.importance`.

        RunError if there is no such objective, or too few trials to tell.
        """
        from optimerge.front.importance import importance

        return importance(self.records.search, self.objectives, objective, method)

    def retest(
        self,
        *,
        trials: Sequence[int] = (),
        baselines: bool = True,
        masks: int = 3,
        report: str | Path | None = None,
        test_items: int | None = None,
        device: str | None = None,
        allow_code: bool = False,
        trust_code: bool = False,
    ) -> "Results":
        """Score the front on the test items, beside parents, baselines and the parents' ensemble.

        What is scored is kept in the run, and not scored again; see `optimerge test --help`.

        Args:
            trials: Only these merges and the parents; default the whole front and all else.
            baselines: Whether baselines and the ensemble are scored.
            masks: Rebuilds of each merge with random masks, each from another seed.
            report: Search-space file whose `report:` block is measured from now on.
            test_items: Documents to test on of tasks whose space sets no test_items.
            device: cpu, cuda, cuda:1; default cuda if it is there.
            allow_code: Whether task files and the space may run the Python that they name.
            trust_code: Whether models may run Python of their own.

        Raises:
            OptimergeError: If there are no test items, models or tasks are not there, or a search
                is at work in the run.
        """
        from optimerge.retest.plan import Wanted
        from optimerge.retest.work import retest_run

        found = retest_run(
            self.records,
            Wanted(tuple(trials), baselines, masks, test_items),
            device or default_device(),
            report=None if report is None else Path(report),
            allow_code=allow_code,
            trust_code=trust_code,
            storage=self.storage,
        )
        assert found is not None  # nobody asked for a stop
        return found

    def verify(
        self,
        choice: "Choice | str",
        file: str | Path,
        mergekit: str | Path | None = None,
        *,
        device: str | None = None,
        allow_code: bool = False,
        trust_code: bool = False,
        say: Callable[[str], None] = lambda text: None,
    ) -> "Verified":
        """Compare the trial, merged again, with what its exported recipe builds, tensor by tensor.

        Args:
            choice: What was exported.
            file: The recipe file that `export` wrote.
            mergekit: Its program `mergekit-yaml`; default the one on PATH. Not looked for if
                mergekit cannot build the recipe.
            device: Where the trial is merged and scored again; default cuda if it is there.
            allow_code: Whether task files and the space may run the Python that they name.
            trust_code: Whether models may run Python of their own.
            say: Told what is being done, a few words each time.

        Raises:
            OptimergeError: If mergekit or a model is not there, a build fails, or the disk is full.
        """
        from optimerge.export.mergekit import mergekit_for
        from optimerge.export.verify import verify
        from optimerge.recipe.read import read_recipe
        from optimerge.records.space import space_of
        from optimerge.search.session import open_session

        program = mergekit_for(read_recipe(Path(file)), None if mergekit is None else str(mergekit))
        chosen = self.choose(choice) if isinstance(choice, str) else choice
        session = open_session(
            space_of(self.records.info),
            self.folder,
            device=device or default_device(),
            allow_code=allow_code,
            trust_code=trust_code,
            storage=self.storage,
            say=say,
        )
        return verify(session, chosen.trial, Path(file).absolute(), program, say)

    def results(self) -> "Results | None":
        """Return what retests of the run found; None if nothing was tested yet."""
        from optimerge.retest.read import read_results

        return read_results(self.records)

    def _test_scores(self, trial: Trial) -> Mapping[str, Score]:
        from optimerge.retest.read import read_results

        results = read_results(self.records, documents=False)
        found = [t for t in results.tested if t.name == trial.name] if results else []
        return found[0].test if found and found[0].recipe == trial.recipe else {}

    def verdict(self) -> "Verdict":
        """Return what the retests prove: gaps, probabilities, comparisons; print or save it.

        `retest.as_json.to_json` and `retest.as_markdown.to_markdown` write it. RunError if nothing
        was tested yet.
        """
        from optimerge.retest.verdict import make_verdict

        results = self.results()
        if results is None:
            raise RunError(f"{self.folder}: was not tested yet; run `optimerge test {self.folder}`")
        return make_verdict(results)
