"""How sure a front is: evidence is matched with objectives, and only what matters is read."""

import json
from dataclasses import replace

import numpy as np
import pytest
from front_cases import OBJECTIVES, trial

from optimerge.front import certainty as module
from optimerge.front.certainty import NOTHING, Certainty, make_certainty, share, tasks_of
from optimerge.front.evidenced import evidenced
from optimerge.front.formats import in_format
from optimerge.front.front import make_front
from optimerge.front.reach import within_reach
from optimerge.front.table import front_table
from optimerge.records.artifacts import artifacts_in
from optimerge.records.evidence import Evidence, TaskEvidence, write_evidence
from optimerge.records.types import Score, Trial

ITEMS = 100
AXES = {"maths": "maximize", "code": "maximize", "size": "minimize"}


def scored(number, maths, code, size, origin="sampler", evidence=None):
    """A trial with these outcomes on documents."""
    scores = {
        name: Score(float(v.mean()), float(v.std(ddof=1) / len(v) ** 0.5), len(v), "maximize", 1.0)
        for name, v in (("maths", maths), ("code", code))
    }
    scores["size"] = Score(size, 0.0, 0, "minimize", 0.0)
    name = f"search-{number:05d}" if evidence is None else evidence
    known = None if origin == "base" else number
    return Trial(known, "complete", origin, {}, "", scores, evidence=name)


def kept(maths, code, order=None):
    order = np.arange(len(maths)) if order is None else order
    ids = tuple(order.tolist())
    return Evidence(
        [
            TaskEvidence("arith", "d1", ids, {"f1,none": np.zeros((len(ids), 2)), "acc,none": maths[order].astype(np.uint8)}),
            TaskEvidence("code", "d2", ids, {"acc,none": code[order].astype(np.uint8)}),
        ]
    )  # fmt: skip


def run_of(folder, count=6, seed=0, lift=0.0):
    """Trials with evidence: a base and merges that are somewhat better."""
    random, trials = np.random.default_rng(seed), []
    for number in range(count):
        skill = 0.4 if number == 0 else 0.5 + lift + 0.02 * number
        maths, code = (random.random((2, ITEMS)) < skill).astype(float)
        origin = "base" if number == 0 else "sampler"
        trials.append(scored(number, maths, code, 0.1 * number, origin))
        order = random.permutation(ITEMS)  # workers may score in another order
        write_evidence(artifacts_in(folder), f"search-{number:05d}", kept(maths, code, order))
    return trials


def test_outcomes_are_found_by_what_the_scores_say(tmp_path):
    random = np.random.default_rng(1)
    maths, code = (random.random((2, 40)) < 0.5).astype(float)
    trials = [scored(0, maths, code, 0.1)]
    evidence = {trials[0].evidence: kept(maths, code, random.permutation(40))}
    found = evidenced(trials, evidence, AXES, {"maths": "arith"})
    assert found[0].parts[0].losses[:, 0].tolist() == (-maths).tolist()
    assert found[0].parts[0].key == "arith d1"
    assert found[1].parts[0].losses[:, 0].tolist() == (-code).tolist()
    assert found[2].parts == ()
    assert found[2].errors.tolist() == [0.0]


def test_a_group_is_the_mean_of_its_tasks_by_documents_or_plain():
    random = np.random.default_rng(2)
    sub = [(random.random(n) < 0.5).astype(float) for n in (10, 30)]
    tasks = [
        TaskEvidence(f"mmlu_{i}", f"d{i}", tuple(range(len(v))), {"acc,none": v.astype(np.uint8)})
        for i, v in enumerate(sub)
    ]
    for value, weights in (
        (np.concatenate(sub).mean(), [0.25, 0.75]),
        (np.mean([v.mean() for v in sub]), [0.5, 0.5]),
    ):
        score = Score(float(value), 0.07, 40, "maximize", 1.0)
        one = Trial(0, "complete", "sampler", {}, "", {"mmlu": score}, evidence="x")
        (found,) = evidenced([one], {"x": Evidence(tasks)}, {"mmlu": "maximize"}, {})
        assert [part.weight for part in found.parts] == weights


def test_what_is_no_mean_over_documents_is_drawn_by_its_error():
    score = Score(0.3, 0.05, 20, "maximize", 1.0)
    one = Trial(0, "complete", "sampler", {}, "", {"f1": score}, evidence="x")
    of = Evidence([TaskEvidence("f1", "d", tuple(range(20)), {"f1,none": np.ones((20, 2))})])
    (found,) = evidenced([one], {"x": of}, {"f1": "maximize"}, {})
    assert (found.parts, found.errors.tolist()) == ((), [0.05])


def test_the_probabilities_are_of_members_and_parents(tmp_path):
    trials = run_of(tmp_path, lift=0.1)
    front = make_front(trials, AXES)
    found = make_certainty(front, artifacts_in(tmp_path), {"maths": "arith"}, draws=300)
    assert set(found.on_front) == {t.name for t in front.members} | {"base"}
    assert set(found.beats_parents) == {t.name for t in front.members} - {"base"}
    assert found.on_front["base"] == 1.0  # nothing is as small
    assert min(found.beats_parents.values()) > 0.9
    assert found.items == "search"
    assert found.note == ""
    again = make_certainty(front, artifacts_in(tmp_path), {"maths": "arith"}, draws=300)
    assert again == found


def test_a_member_that_is_hardly_on_the_front_is_said_to_be(tmp_path):
    """Of two that are right 60 and 59 times, on other documents, either may be the better."""
    base = np.arange(ITEMS) < 30
    one, other = np.arange(ITEMS) < 60, np.arange(ITEMS) >= 41
    trials = []
    for number, values in enumerate((base, one, other)):
        values = values.astype(float)
        trials.append(scored(number, values, values, 0.5 if number else 0.0, "sampler" if number else "base"))  # fmt: skip
        write_evidence(artifacts_in(tmp_path), f"search-{number:05d}", kept(values, values))
    front = make_front(trials, AXES)
    assert [t.name for t in front.members] == ["1", "base"]
    found = make_certainty(front, artifacts_in(tmp_path), draws=1000)
    assert 0.65 < found.on_front["1"] < 0.85  # dominated if both tasks turn: 0.46 squared


def test_a_run_without_evidence_says_so(tmp_path):
    trials = [replace(t, evidence="") for t in run_of(tmp_path)]
    found = make_certainty(make_front(trials, AXES), artifacts_in(tmp_path))
    assert found.on_front == {}
    assert "kept no evidence" in found.note
    assert make_certainty(make_front([], AXES), artifacts_in(tmp_path)).note == ""


def test_evidence_that_is_gone_or_damaged_is_counted(tmp_path):
    trials = run_of(tmp_path, lift=0.1)
    names = [t.evidence for t in make_front(trials, AXES).members]
    (tmp_path / "evidence" / f"{names[0]}.npz").unlink()
    (tmp_path / "evidence" / f"{names[1]}.npz").write_bytes(b"no zip")
    found = make_certainty(make_front(trials, AXES), artifacts_in(tmp_path), draws=100)
    assert "evidence of 2 trials is not at hand" in found.note
    assert len(found.on_front) >= 2


def test_a_trial_that_never_had_evidence_is_not_missed(tmp_path):
    trials = run_of(tmp_path, lift=0.1)
    trials[1] = replace(trials[1], evidence="")
    assert make_certainty(make_front(trials, AXES), artifacts_in(tmp_path), draws=100).note == ""


def test_only_what_may_dominate_a_member_is_read(tmp_path, monkeypatch):
    def of(number, right, size):
        values = (np.arange(ITEMS) < right).astype(float)
        return scored(number, values, values, size)

    trials = [of(0, 61, 0.6), of(1, 60, 0.6), of(2, 10, 0.6), of(3, 61, 0.7)]
    front = make_front(trials, AXES)
    found, dropped = within_reach(front, front.members, 100)
    assert ([t.name for t in found], dropped) == (["0", "1"], 0)  # 3 is larger, for certain
    found, dropped = within_reach(front, front.members, 1)
    assert ([t.name for t in found], dropped) == (["0"], 1)
    unknown = replace(trials[2], scores={**trials[2].scores, "maths": Score(0.1, None, 9, "maximize", 1), "code": Score(0.1, None, 9, "maximize", 1)})  # fmt: skip
    front = make_front([*trials[:2], unknown], AXES)
    assert len(within_reach(front, front.members, 100)[0]) == 3
    monkeypatch.setattr(module, "MOST_READ", 2)
    trials = run_of(tmp_path, count=8)
    note = make_certainty(make_front(trials, AXES), artifacts_in(tmp_path), draws=50).note
    assert "2 trials nearest to the front are counted" in note


def test_the_tasks_of_a_space_are_a_hint():
    assert tasks_of("objectives: [{task: a, name: b}, {task: c}, {sparsity: l1}, 3]") == {"b": "a", "c": "c"}  # fmt: skip
    for text in ("", "[", "objectives: 3", "a: &a [*a]", "x: 2001-99-99", "- 1"):
        assert tasks_of(text) == {}


def test_every_format_has_the_probabilities():
    trials = [trial(0, [0.6, 0.5, 0.1]), trial(1, [0.5, 0.6, 0.2])]
    front = make_front(trials, OBJECTIVES)
    known = Certainty(on_front={"0": 0.25, "1": 1.0}, beats_parents={"0": 0.125})
    table = front_table(front, known)
    assert table["p_front"].tolist() == [0.25, 1.0]
    assert table["p_beats_best_parent"].isna().tolist() == [False, True]
    (first, second) = json.loads(in_format(front, "json", certainty=known))
    assert (first["p_front"], first["p_beats_best_parent"]) == (0.25, 0.125)
    assert second["p_beats_best_parent"] is None
    assert b",0.25,0.125," in in_format(front, "csv", certainty=known)
    text = in_format(front, "md", certainty=known).decode()
    assert "| P front | P \\> best parent |" in text.splitlines()[0]
    assert "| 0.25 | 0.12 |" in text
    assert "\\>.99" in text
    assert "P front" not in in_format(front, "md", certainty=NOTHING).decode()


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (float("nan"), ""), (0.991, ">.99"), (0.99, "0.99"), (0.009, "<.01")]
)  # fmt: skip
def test_certainty_is_never_claimed(value, text):
    assert share(value) == text
