"""The entry point: finds the command, turns errors into one sentence and an exit code.

Exit codes: 0 done; 2 bad input (one sentence, no traceback); 1 our fault (the traceback is in a
file that the message names); 130 on Ctrl-C, 143 on SIGTERM.
"""

import os
import sys
import tempfile
import traceback
from pathlib import Path

import click

from optimerge.cli import (
    build,
    calibrate,
    check,
    dashboard,
    demo,
    evaluate,
    export,
    front,
    methods,
    objectives,
    report,
    samplers,
    schema,
    search,
    show,
    soup,
    status,
    stop,
    test,
    zoo,
)
from optimerge.errors import OptimergeError
from optimerge.records.plain import one_line
from optimerge.records.secrets import redacted_text
from optimerge.search import again

ROAD = """
The usual road:

\b
  optimerge check SPACE       do the models fit together, is there memory, are the tasks there
  optimerge search SPACE      search overnight; the same command goes on after a stop
  optimerge dashboard RUN     look at it in a browser, also while it searches
  optimerge front RUN         the Pareto front in the morning
  optimerge test RUN          does the winner win on items that the search never saw
  optimerge export RUN        the chosen merge as a recipe that mergekit builds too
  optimerge build RECIPE OUT  the checkpoint, with a model card
  optimerge report RUN        one page about all of it

No models at hand? `optimerge demo` shows all of it in three minutes, without a GPU.
"""


@click.group(
    help="Search for the best merge of your fine-tuned language models.\n" + ROAD,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="optimerge")
def cli() -> None:
    """Group of all commands; its help is given above."""


MAKING = (demo, zoo, check, calibrate, search, test, soup, export, build, evaluate)
SEEING = (status, stop, front, show, dashboard, report, methods, samplers, objectives, schema)
for module in (*MAKING, *SEEING):
    cli.add_command(module.command)


def main() -> None:
    """Run the command line and exit."""
    # Threads that spin while they wait cost a busy machine ten times the work; torch's OpenMP
    # reads this when it is loaded, so it is set before anything heavy is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    again.restartable = True
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; return the exit code."""
    try:
        code = cli.main(arguments, prog_name="optimerge", standalone_mode=False)
    except OptimergeError as error:
        click.echo(f"Error: {one_line(redacted_text(str(error)))}", err=True)
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    except Exception as error:
        click.echo(_our_fault(error), err=True)
        return 1
    return code if isinstance(code, int) else 0


def _our_fault(error: Exception) -> str:
    with tempfile.NamedTemporaryFile(
        "w", prefix="optimerge-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(redacted_text("".join(traceback.format_exception(error))))
    said = one_line(redacted_text(str(error)).partition("\n")[0])
    return (
        f"Error: optimerge failed ({type(error).__name__}: {said}); "
        f"the traceback is in {Path(file.name)}, please report it"
    )
