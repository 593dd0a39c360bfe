"""Racing: a candidate that the front dominates is stopped before all items are scored.

Items of a task come in one random order, drawn once a study and the same for every candidate.
After each block of items the candidate is compared with the front on the items so far, and stopped
only if the evidence says that on the whole search set some member would be strictly better in
every task, while it is no worse on what is known exactly (sparsity, and whatever is scored in
full). Of candidates that no member dominates, at most `1 - confidence` are stopped.

    race = Race(tasks, members, exact, confidence=0.95)
    for look in looks([task.items for task in tasks]):     # items of each task, growing
        race.add(0, losses of the items that are new)      # one call for each task
        if (verdict := race.verdict()) is not None:
            break                                          # stopped; the verdict is the evidence
        if not race.promising:
            ...                                            # a stop is unlikely: the rest at once

What is promised, and on what it rests:

- The test bets against "the candidate is at least as good as the member" (`wealth.py`) on items
  drawn without replacement, so that it may be looked at after any item. Every task must be won
  (intersection-union: no correction over tasks); the members share the error (`race.py`).
- Members are those given at the start of the race and stay so: a member found by another worker
  meanwhile counts for the next candidate. All must have values on all items.
- The order must have nothing to do with the candidate. That is exact for warm starts and random
  draws, and nearly so for samplers that learn from partial scores: these favour candidates that
  look good on early items, which makes for fewer stops, not more. Members that outlived races are
  such candidates too; `benchmarks/racing_simulation.py` has whole studies with one order.
- Only means of per-item values with known bounds can be raced. Without bounds (log-loss) no test
  of this kind exists, and clipping would test another score: `RaceTask` refuses infinite bounds.
  An objective that cannot be raced is scored in full first; it is then known exactly.
- Arrays are losses: smaller is better.
"""
