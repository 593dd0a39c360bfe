"""The verdict: who wins, who falls, what is said of it, in words, tables, Markdown and JSON."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from retest_cases import EQUAL, KINDS, LOSES, WINS, other_masks, results
from rich.console import Console

from optimerge.cli.verdict import print_verdict
from optimerge.errors import OptimergeError
from optimerge.records.types import Score
from optimerge.retest.as_json import to_json
from optimerge.retest.as_markdown import to_markdown
from optimerge.retest.certainty import certainty_of_test
from optimerge.retest.sections import sections
from optimerge.retest.sentences import front_again, headline, worse_than_parents
from optimerge.retest.verdict import make_verdict

DRAWS = {"draws": 200, "flips": 199}


def verdict_of(truth, **more):
    return make_verdict(results(truth, **more), **DRAWS)


@pytest.fixture(scope="module")
def won():
    return verdict_of(
        WINS,
        reported=("world",),
        masks=other_masks(0.79, 0.81, 0.74),
        looks=3,
        skipped={"slerp of the two best": "there is one expert"},
    )


def screen(verdict, width, **options):
    file = StringIO()
    console = Console(file=file, width=width, highlight=False, soft_wrap=True, markup=False, emoji=False, **options)  # fmt: skip
    print_verdict(verdict, console)
    return file.getvalue()


def test_the_first_line_says_which_merge_wins_by_how_much_and_how_surely(won):
    line = headline(won)
    best = won.of("3", "baselines")
    assert line.startswith("Trial 3 beats the best baseline: ")
    assert (
        f"{best.ours:.3f} against {best.theirs:.3f} of {best.rival} on the mean of 2 tasks" in line
    )
    assert f"+{best.difference.value:.3f} ±{best.difference.stderr:.3f}" in line
    assert f"p = {best.p_corrected:.3f} after correction for 6 comparisons" in line
    assert line.endswith("; 1 other merge does too.")
    assert best.ours == pytest.approx(
        (won.lines[0].test["maths"].value + won.lines[0].test["code"].value) / 2
    )
    assert best.difference.value == pytest.approx(best.ours - best.theirs)


def test_the_first_line_says_that_no_merge_wins():
    line = headline(verdict_of(EQUAL, seed=3))
    assert line.startswith("No merge beats the best baseline significantly; the nearest is trial ")


def test_a_win_on_one_task_alone_is_no_win_on_the_mean():
    truth = EQUAL | {"3": (0.75, 0.28), "10": 0.4}
    line = headline(verdict_of(truth))
    assert line.startswith("No merge beats the best baseline significantly on the mean of 2 tasks, only on maths: trial 3, ")  # fmt: skip


def test_what_cannot_be_compared_is_said():
    found = results(WINS)
    alone = replace(found, tested=tuple(t for t in found.tested if t.kind != "baseline"))
    assert headline(make_verdict(alone, **DRAWS)).startswith("No baseline was scored")
    failed = tuple(replace(t, test={}, test_items={}, error="out of memory") if t.kind == "merge" else t for t in found.tested)  # fmt: skip
    verdict = make_verdict(replace(found, tested=failed), **DRAWS)
    assert headline(verdict).startswith("No merge was scored")
    assert ("Not tested", ["3: out of memory", "10: out of memory"]) in sections(verdict)
    assert "out of memory" in screen(verdict, 80)
    with pytest.raises(OptimergeError, match=r"no model was scored .*3: boom"):
        make_verdict(replace(found, tested=tuple(replace(t, test={}, test_items={}, error="boom") for t in found.tested)))  # fmt: skip


def test_an_ensemble_is_a_reference_and_no_model_of_the_front():
    verdict = verdict_of(EQUAL | {"ensemble": 0.95})
    ensemble = verdict.lines[-1]
    assert (ensemble.kind, ensemble.on_front, ensemble.front_test) == ("ensemble", None, None)
    assert all(c.rival != "ensemble" for c in verdict.test)
    assert "ensemble" not in " ".join(front_again(verdict))


def test_scores_below_the_parents_are_said_to_be_worse():
    verdict = verdict_of(LOSES, seed=1)
    said = worse_than_parents(verdict)
    assert len(said) == 2
    assert "rial 3 is worse than the best parent on the mean of 2 tasks by 0." in said[0]
    assert "within chance" not in said[0].split(";")[0]
    assert worse_than_parents(verdict_of(WINS)) == []


def test_a_merge_that_a_parent_dominates_is_said_to_be():
    found = results(LOSES, seed=1)
    small = Score(0.0, 0.0, 0, "minimize", 0.0)
    tested = tuple(replace(t, test={**t.test, "size": small}) if t.name == "red" else t for t in found.tested)  # fmt: skip
    said = worse_than_parents(make_verdict(replace(found, tested=tested), **DRAWS))
    assert said[0].startswith("Trial 3 is dominated by parent")
    assert "red" in said[0].split(".")[0]


def test_the_front_is_made_anew_on_the_test_items(won):
    assert set(won.stays) == {"3", "base"} | ({"10"} & set(won.stays))
    for line in won.lines:
        if line.on_front is not None:
            better = [
                o.name
                for o in won.lines
                if o.on_front is not None
                and all(o.test[n].value >= line.test[n].value for n in won.tasks)
                and o.test["size"].value <= line.test["size"].value
                and o is not line
            ]
            assert (better == []) is line.on_front
            assert set(line.dominated_by) == set(better)
    fallen = results(WINS | {"10": 0.45})
    lucky = results(WINS | {"10": 0.95})
    tested = tuple(replace(a, search=b.search, search_items=b.search_items) if a.name == "10" else a for a, b in zip(fallen.tested, lucky.tested, strict=True))  # fmt: skip
    verdict = make_verdict(replace(fallen, tested=tested), **DRAWS)
    assert verdict.falls == ("10",)
    assert "Fall: trial 10 (dominated by trial 3" in front_again(verdict)[1]


def test_probabilities_stand_for_test_and_search_items(won):
    assert {c.model for c in won.test} == {c.model for c in won.search} == {"3", "10"}
    assert {c.task for c in won.test} == {"maths", "code", "world", None}
    assert {c.task for c in won.search} == {"maths", "code", None}
    assert {c.against for c in won.test} == {"parents", "baselines"}
    assert won.lines[0].front_test > 0.99
    assert won.lines[0].front_search > 0.99
    assert won.of("3", "baselines").probability > 0.99
    assert {c.family for c in won.test if c.task == "world"} == {2}  # a family of its own


def test_one_task_is_its_own_mean():
    found = results(WINS, tasks=("maths",))
    verdict = make_verdict(found, **DRAWS)
    mean, task = verdict.of("3", "baselines"), verdict.of("3", "baselines", "maths")
    assert replace(mean, task="maths") == task
    assert mean.family == 2
    assert " on maths, +" in headline(verdict)


def test_hypervolumes_have_intervals_and_say_what_a_search_brings(won):
    assert list(won.volumes) == ["search", "test", "without"]
    for each in won.volumes.values():
        assert each.low < each.high
    assert won.volumes["test"].low > won.volumes["without"].high


def test_an_error_that_is_unknown_gives_no_probability():
    found = results(WINS)
    tested = tuple(
        replace(
            t,
            test={**t.test, "code": replace(t.test["code"], stderr=None)},
            test_items={"maths": t.test_items["maths"]},
        )
        for t in found.tested
    )
    verdict = make_verdict(replace(found, tested=tested), **DRAWS)
    assert verdict.of("3", "baselines", "maths").p is not None
    for task in ("code", None):
        one = verdict.of("3", "baselines", task)
        assert (one.p, one.probability, one.difference.stderr) == (None, None, None)
    assert headline(verdict).startswith("No merge beats the best baseline significantly on the mean of 2 tasks, only on maths")  # fmt: skip
    json.loads(to_json(verdict))


def test_the_spread_over_masks_stands_beside_the_score(won):
    spread = won.lines[0].masks["maths"]
    own = won.lines[0].test["maths"].value
    assert (spread.seeds, spread.low, spread.high) == (4, 0.74, max(own, 0.81))
    assert spread.deviation > 0
    shown = screen(won, 200)
    assert "4 masks" in shown
    assert f"0.740 to {max(own, 0.81):.3f}" in shown


@pytest.mark.parametrize("width", [80, 120, 160, 200])
def test_no_line_is_wider_than_the_screen(won, width):
    shown = screen(won, width)
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= width
    for text in (
        "maths ↑",
        "code ↑",
        "world ↑",
        "size ↓",
        "P > best",
        "Hypervolume",
        "looked at 3",
    ):
        assert text in shown
    assert "slerp of the two best: there is one expert" in " ".join(shown.split())
    score = won.lines[0].test["maths"]
    assert f"{score.value:.3f} ±{score.stderr:.3f}" in shown


def test_a_narrow_screen_keeps_every_number_whole():
    names = {f"a-model-with-a-long-name-{n}": k for n, k in enumerate(KINDS.values())}
    truth = dict.fromkeys(names, 0.5)
    shown = screen(verdict_of(truth, kinds=names), 80)
    table = [line for line in shown.splitlines() if "±" in line and "…" in line]
    assert table
    assert all(line.count("…") == 1 for line in table)  # names alone are cut


def test_no_colour_where_none_is_wanted(won, monkeypatch):
    assert "\x1b[" in screen(won, 120, force_terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    shown = screen(won, 120, force_terminal=True)
    assert "\x1b[3" not in shown


def test_json_is_plain_and_documented(won):
    data = json.loads(to_json(won))
    documented = to_json.__doc__
    assert all(key in documented for key in data)
    assert all(key in documented for model in data["models"] for key in model)
    assert all(key in documented for c in data["comparisons"]["test"] for key in c)
    assert data["headline"] == headline(won)
    assert data["models"][0]["test"]["maths"]["value"] == won.lines[0].test["maths"].value
    assert data["looks"] == 3
    assert data == json.loads(to_json(won))


def test_markdown_tables_are_whole_and_hold_no_markup_of_the_run():
    names = {"<img>|x": "merge", "base": "parent", "*u*": "baseline"}
    text = to_markdown(verdict_of(dict.fromkeys(names, 0.5), kinds=names))
    assert "<img>" not in text.replace("\\<", "")
    tables = [block for block in text.split("\n\n") if block.lstrip().startswith("| ")]
    assert len(tables) == 4  # the summary, two tasks and the size
    for table in tables:
        counts = {line.replace("\\|", "").count("|") for line in table.strip().splitlines()}
        assert len(counts) == 1
    assert text.startswith("**")


def test_text_of_a_run_commands_no_screen():
    names = {"a\x1b[2J": "merge", "base": "parent", "u\x1b]0;x": "baseline"}
    verdict = verdict_of(dict.fromkeys(names, 0.5), kinds=names)
    assert "\x1b" not in screen(verdict, 120)
    assert "\x1b" not in to_markdown(verdict)


def test_the_same_results_give_the_same_verdict():
    found = results(WINS)
    assert to_json(make_verdict(found, **DRAWS)) == to_json(make_verdict(found, **DRAWS))


def test_the_certainty_of_a_tested_run_is_that_of_its_verdict(won):
    found = results(WINS, looks=2)
    verdict = make_verdict(found, **DRAWS)
    known = certainty_of_test(found, draws=200)
    assert known.items == "test"
    assert known.on_front == {x.name: x.front_test for x in verdict.lines if x.kind != "ensemble"}
    assert known.beats_parents == {m: verdict.of(m, "parents").probability for m in ("3", "10")}
    assert "looked at 2 times" in known.note
