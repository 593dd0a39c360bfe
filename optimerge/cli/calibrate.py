"""`optimerge calibrate`: the statistics that Fisher and RegMean need."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimerge.cli.options import ALLOW_CODE, DEVICE, TRUST_CODE, chosen_device

if TYPE_CHECKING:
    from optimerge.calibration.calibrate import Calibrated, Request

METHODS = {"fisher": "fisher", "gram": "regmean"}


@click.command("calibrate")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--text",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help='Documents: one a line; of a .jsonl file, the "text" of each line. Default: --task.',
)
@click.option(
    "--task", metavar="TASK", help="Solved training examples of an lm-eval task. Default: --text."
)
@click.option(
    "--include-path",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder with local lm-eval task files. Default: lm-eval's own tasks alone.",
)
@click.option(
    "--documents",
    type=click.IntRange(1),
    default=128,
    show_default=True,
    metavar="N",
    help="Documents to measure on.",
)
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(list(METHODS)),
    multiple=True,
    help="fisher for the method fisher, gram for regmean; again for both. Default: both.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("statistics"),
    show_default=True,
    help="Folder in which each model gets one.",
)
@click.option(
    "--max-length",
    type=click.IntRange(2),
    default=1024,
    show_default=True,
    metavar="N",
    help="Tokens beyond which a document is cut.",
)
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="For fisher: labels drawn for each token.",
)
@click.option(
    "--empirical", is_flag=True, help="For fisher: the text's own tokens as labels, none drawn."
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of which documents are taken, and of the labels drawn.",
)
@ALLOW_CODE
@TRUST_CODE
@DEVICE
def command(
    models: tuple[str, ...],
    text: Path | None,
    task: str | None,
    include_path: Path | None,
    documents: int,
    kinds: tuple[str, ...],
    output: Path,
    max_length: int,
    samples: int,
    empirical: bool,
    seed: int,
    allow_code: bool,
    trust_code: bool,
    device: str,
) -> None:
    """Measure models on a few documents, for fisher and regmean.

    Give every model text of what it is good at (one command each), and as much of it. Of a task
    the training or validation split is taken, never what a search scores on. Then name the
    folders in the recipe or the search space as the last lines say. Fisher takes one number an
    entry, RegMean one square matrix a linear layer, both in float32.

    \b
    Examples:
      optimerge calibrate org/math-7b --task gsm8k
      optimerge calibrate experts/code experts/ja --text sample.txt --kind gram -o statistics
    """
    from optimerge.calibration.calibrate import Request
    from optimerge.calibration.documents import from_file, from_task
    from optimerge.cli.quiet import quiet
    from optimerge.cli.screen import note
    from optimerge.errors import OptimergeError
    from optimerge.space.labels import short_names

    if (text is None) == (task is None):
        raise OptimergeError("--text and --task: give --text FILE or --task TASK, one of the two")
    place = chosen_device(device)
    names = {model: name.replace("/", "--") for model, name in short_names(models).items()}
    with quiet(scoring=True, studies=False):
        found = (
            from_file(text, documents, seed)
            if text is not None
            else from_task(str(task), include_path, documents, seed, allow_code=allow_code)
        )
        request = Request(
            documents=found,
            kinds=tuple(k for k in METHODS if k in kinds or not kinds),  # type: ignore[misc]  # click's choice
            seed=seed,
            max_length=max_length,
            labels="text" if empirical else "sampled",
            samples=samples,
        )
        if len(found.texts) < documents:
            note(f"{found.source} has {len(found.texts)} documents")
        if trust_code:
            note("models may run their own Python (--trust-remote-code)")
        _measure(names, request, output, place, trust_code=trust_code)
    click.echo(f"\noptimerge:\n  statistics:\n{_block(names, output)}", nl=False)


def _measure(
    names: Mapping[str, str], request: "Request", output: Path, device: str, *, trust_code: bool
) -> None:
    """Measure the models, each into the folder of its name, and print what was found."""
    from rich.progress import TaskID

    from optimerge.calibration.calibrate import calibrate
    from optimerge.cli.bars import bar
    from optimerge.cli.screen import err

    with bar(err()) as shown:
        for model, name in names.items():
            row = shown.add_task(name, total=None)

            def told(done: int, total: int, row: TaskID = row) -> None:
                shown.update(row, completed=done, total=total)

            folder = output / name
            for one in calibrate(
                model, request, folder, device=device, trust_code=trust_code, progress=told
            ):
                click.echo(_line(name, one))


def _line(name: str, one: "Calibrated") -> str:
    about, without = one.about, one.without
    said = (
        f"{name}: {about.kind} of {one.tensors} of {one.tensors + len(without)} tensors, from "
        f"{about.documents} documents, {about.tokens} tokens ({about.source})"
    )
    if not without:
        return said
    return f"{said}; {METHODS[about.kind]} takes the weighted mean of the other {len(without)}"


def _block(names: dict[str, str], output: Path) -> str:
    import yaml

    rows = {model: (output / name).as_posix() for model, name in names.items()}
    text = yaml.safe_dump(rows, sort_keys=False, width=1000, allow_unicode=True)
    return "".join(f"    {line}\n" for line in text.splitlines())
