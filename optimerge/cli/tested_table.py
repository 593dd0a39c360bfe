"""The table of a retest on the screen: search score, test score and the gap, by objective."""

from rich.table import Table
from rich.text import Text

from optimerge.cli.screen import number, out
from optimerge.records.types import Score
from optimerge.retest.tested import Results, Tested


def print_results(results: Results, name: str) -> None:
    """Print what a run's retests found."""
    console = out()
    times = "once" if results.looks == 1 else f"{results.looks} times"
    console.print(f"\nTest of run {name}; the test items were looked at {times}\n")
    console.print(results_table(results))
    for what, why in results.skipped.items():
        console.print(f"left out: {what}: {why}", style="dim")


def results_table(results: Results) -> Table:
    """Return a row a model: its name, then search, test and gap of each objective.

    The gap is search less test: above 0 where a larger value is better, the search flattered.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model")
    table.add_column("kind")
    for objective in results.objectives:
        table.add_column(f"{objective} search", justify="right")
        table.add_column("test", justify="right")
        table.add_column("gap", justify="right")
    for objective in results.reported:
        table.add_column(f"{objective} test", justify="right")
    for tested in results.tested:
        table.add_row(*(Text(cell) for cell in _cells(tested, results)))
    return table


def _cells(tested: Tested, results: Results) -> list[str]:
    cells = [tested.name, tested.kind]
    for objective in results.objectives:
        on_search, on_test = tested.search.get(objective), tested.test.get(objective)
        cells += [_value(on_search), _with_error(on_test)]
        gap = on_search.value - on_test.value if on_search and on_test else None
        cells.append("" if gap is None else f"{gap:+.3f}")
    cells += [_with_error(tested.test.get(objective)) for objective in results.reported]
    if tested.error:
        cells[1] += f" (failed: {tested.error})"
    return cells


def _value(score: Score | None) -> str:
    return "" if score is None else number(score.value)


def _with_error(score: Score | None) -> str:
    if score is None:
        return ""
    return f"{number(score.value)} ±{score.stderr:.3f}" if score.stderr else number(score.value)
