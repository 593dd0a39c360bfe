"""What racing saves and whom it stops wrongly, beside other rules, in made-up races.

    python benchmarks/racing_simulation.py [--races 1000] [--items 400 1000] [--studies 20]

First table: the mix of `optimerge/testing/races.py` (3 tasks, 8 members, a quarter of candidates
broken, half 2 to 19 points worse than a member, a quarter near the front): the share of the items
that is scored, by class, and how many candidates that no member dominates were stopped. Second:
candidates that are the hardest to spare. Third: whole studies raced in one order of items. The
promise is at most 5 % in the last column; certain and Bonferroni-corrected rules keep it too, but
save less. A simulation proves nothing of real merges: `benchmarks/racing.py` measures those.
"""

import argparse
import time
from collections.abc import Sequence

from optimerge.testing.race_rules import RULES
from optimerge.testing.race_studies import study_outcomes
from optimerge.testing.races import Kind, Outcome, outcomes

CLASSES: tuple[Kind, ...] = ("broken", "worse", "near")


def line(name: str, found: Sequence[Outcome], classes: Sequence[Kind], seconds: float) -> str:
    """Format one row."""
    shares = [[o.share for o in found if o.kind == kind] for kind in classes]
    means = [sum(o.share for o in found) / len(found), *(sum(s) / len(s) for s in shares if s)]
    spared = [o for o in found if not o.dominated]
    bad = sum(o.wrong for o in spared)
    return (
        f"{name:51} {' '.join(f'{mean:6.3f}' for mean in means):28} "
        f"{bad:5}/{len(spared):<6} {bad / max(len(spared), 1):6.2%} {1e3 * seconds:8.1f}"
    )


def table(title: str, classes: Sequence[Kind]) -> None:
    """Print a head."""
    print(f"\n{title}")
    heads = " ".join(f"{head:>6}" for head in ("all", *classes))
    print(f"{'rule':51} {heads:28} {'wrongly stopped':>19} {'ms/race':>8}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Racing in made-up races.")
    parser.add_argument("--races", type=int, default=1000)
    parser.add_argument("--items", type=int, nargs="+", default=[400, 1000])
    parser.add_argument("--studies", type=int, default=20)
    given = parser.parse_args()
    for items in given.items:
        table(f"{given.races} races of the mix, {items} items a task: share scored", CLASSES)
        for name, rule in RULES.items():
            start = time.perf_counter()
            found = list(outcomes(rule, given.races, items, seed=0))
            print(line(name, found, CLASSES, (time.perf_counter() - start) / given.races))
        for kind in ("equal", "one better"):
            table(f"{given.races} candidates of kind {kind!r}, {items} items a task", ())
            for name, rule in RULES.items():
                start = time.perf_counter()
                found = list(outcomes(rule, given.races, items, seed=1, kinds=[kind]))
                print(line(name, found, (), (time.perf_counter() - start) / given.races))
    items = given.items[0]
    table(f"{given.studies} studies of 100 candidates in one order, {items} items a task", ())
    for name, rule in RULES.items():
        start = time.perf_counter()
        found = [o for s in range(given.studies) for o in study_outcomes(rule, items, 100, s)]
        print(line(name, found, (), (time.perf_counter() - start) / len(found)))


if __name__ == "__main__":
    main()
