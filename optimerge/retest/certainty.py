"""How sure a run's front is: by its test if there was one, else by what its search left."""

from optimerge.front.certainty import Certainty, make_certainty, tasks_of
from optimerge.front.front import Front
from optimerge.front.membership import beats_all
from optimerge.front.paired import DRAWS
from optimerge.records.run import Run
from optimerge.retest.figures import times
from optimerge.retest.sample import make_sample
from optimerge.retest.tested import Results


def certainty_of(run: Run, front: Front, results: Results | None) -> Certainty:
    """Return how sure the front is; `results`: what tests of the run found, if there were any."""
    if results is not None:
        return certainty_of_test(results)
    return make_certainty(front, run.artifacts, tasks_of(run.info.space))


def certainty_of_test(results: Results, draws: int = DRAWS, seed: int = 0) -> Certainty:
    """Return the probabilities of a `Verdict` for the models tested, and nothing else: quickly."""
    sample = make_sample(results, "test", draws, seed)
    shares = sample.front_shares(sample.whole("merge", "parent", "baseline"))
    beats = {}
    if sample.tasks and not sample.unknown & set(sample.tasks):
        mean, losses = sample.drawn_mean(None), sample.mean(None)
        parents = [place for place in sample.of_kind("parent") if losses[place] == losses[place]]
        beats = {m: beats_all(mean, m, parents) for m in sample.of_kind("merge")}
    return Certainty(
        on_front={sample.names[place]: share for place, share in shares.items()},
        beats_parents={sample.names[m]: share for m, share in beats.items() if share == share},
        items="test",
        note=f"the test items were looked at {times(results.looks)}",
    )
