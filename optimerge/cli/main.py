"""The entry point: finds the command, turns errors into one sentence and an exit code.

Exit codes: 0 done; 2 bad input (one sentence, no traceback); 1 our fault (the traceback is in a
file that the message names), a trial that hung with Python's lock held and was ended (the traceback
is on standard error), or `export --verify` that found a difference; 75 if a trial that could not be
stopped was given up while the search was to stop (the next search goes on); 130 on Ctrl-C, 141 if
nobody reads the output any more, 143 on SIGTERM.
"""

import os
import sys
from pathlib import Path

import click

from optimerge.cli.group import COMPLETE, CommandGroup
from optimerge.cli.streams import UNREAD, able_streams, let_go, unread
from optimerge.errors import OptimergeError

ROAD = """
The usual road:

\b
  optimerge check SPACE       would it run: do models, memory and tasks fit
  optimerge search SPACE      overnight; the same command goes on after a stop
  optimerge dashboard RUN     look at it in a browser, also while it searches
  optimerge front RUN         the Pareto front in the morning
  optimerge test RUN          does the winner win on items never searched on
  optimerge export RUN        the chosen merge, as a recipe for mergekit too
  optimerge build RECIPE OUT  the checkpoint, with a model card
  optimerge report RUN        one page about all of it

No models at hand? `optimerge demo` shows all of it in two minutes, without a GPU. `optimerge`
alone says what is here and what comes next.
"""


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    help="Search for the best merges of your fine-tuned language models.\n" + ROAD,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(
    package_name="optimerge", prog_name="optimerge", help="Show the version and exit."
)
@click.pass_context
def cli(context: click.Context) -> None:
    """Group of all commands; its help is given above."""
    if context.invoked_subcommand is None:
        from optimerge.cli.first_screen import first_screen

        click.echo(first_screen(Path()))


def main() -> None:
    """Run the command line and exit."""
    # Threads that spin while they wait cost a busy machine ten times the work; torch's OpenMP
    # reads this when it is loaded, so it is set before anything heavy is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from optimerge.search import again

    again.restartable = True
    able_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; return the exit code."""
    try:
        code = _answered(arguments)
        sys.stdout.flush()
    except click.exceptions.Exit as found:
        return found.exit_code
    except OptimergeError as error:
        click.echo(f"Error: {_shown(str(error))}", err=True)
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and unread():
            let_go()
            return UNREAD
        click.echo(_our_fault(error), err=True)
        return 1
    return code if isinstance(code, int) else 0


def _answered(arguments: list[str]) -> object:
    """Return what the command returns, or what tells a shell how a word may go on."""
    if asked := os.environ.get(COMPLETE):
        from optimerge.cli.completion_shells import answer

        return answer(cli, asked)
    with cli.make_context("optimerge", arguments) as context:
        return cli.invoke(context)


def _our_fault(error: Exception) -> str:
    import tempfile
    import traceback

    from optimerge.records.secrets import redacted_text

    with tempfile.NamedTemporaryFile(
        "w", prefix="optimerge-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(redacted_text("".join(traceback.format_exception(error))))
    said = _shown(str(error).partition("\n")[0])
    return (
        f"Error: optimerge failed ({type(error).__name__}: {said}); "
        f"the traceback is in {Path(file.name)}, please report it"
    )


def _shown(text: str) -> str:
    """Return an error's text in one line, without control characters and secrets."""
    from optimerge.records.plain import one_line
    from optimerge.records.secrets import redacted_text

    return one_line(redacted_text(text))
