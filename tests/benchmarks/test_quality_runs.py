"""Runs: counted, repeatable, kept whole, gone on with; failures are data."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.registry import PEERS, Peer
from benchmarks.quality import play as playing
from benchmarks.quality import runner
from benchmarks.quality.contest import Contestant, contestants
from benchmarks.quality.play import play
from benchmarks.quality.players import Player
from benchmarks.quality.records import FILE, append, kept_runs
from benchmarks.quality.start import start_points
from benchmarks.search import main
from benchmarks.surfaces.surface import Measured
from benchmarks.surfaces.synthetic import synthetic
from optimerge.errors import RunError, TrialError

RANDOM = Contestant("random", "native", 0)


def keep(folder: Path, *more: str, trials: int = 4) -> int:
    given = ["--surfaces", "merge2", "--samplers", "random@native", "--seeds", "0-1"]
    return main(["run", *given, "--trials", str(trials), "--keep", str(folder), *more])


def test_a_run_says_what_was_merged_and_what_it_was_worth() -> None:
    surface = synthetic("merge2")
    run = play(surface, RANDOM, 3, 5)
    assert [len(rows) for rows in (run.params, run.values, run.test, run.seconds)] == [5] * 4
    for params, values, test in zip(run.params, run.values, run.test, strict=True):
        point = dict(zip(run.dimensions, params, strict=True))
        found = surface.measure(point)  # type: ignore[arg-type]
        assert values == list(found.values.values())
        assert test == list(found.test.values())
    assert run == play(surface, RANDOM, 3, 5) or run.params == play(surface, RANDOM, 3, 5).params
    assert run.params != play(surface, RANDOM, 4, 5).params


def test_the_shared_start_is_the_same_for_everybody_and_parents_are_not_counted() -> None:
    surface = synthetic("merge6")
    both = [play(surface, Contestant(n, "shared", 0), 1, 12) for n in ("random", "optuna_tpe")]
    starts = len(start_points(surface, 1, 12))
    assert both[0].params[:starts] == both[1].params[:starts]
    assert both[0].origin == ["start"] * starts + ["sampler"] * (12 - starts)
    assert len(both[0].values) == 12
    parents = [list(p.values()) for p in surface.parent_points.values()]
    assert not [p for p in both[0].params if p in parents]
    assert "start" not in play(surface, RANDOM, 1, 3).origin


def test_native_players_know_nothing_and_shared_ones_the_parents() -> None:
    surface = synthetic("merge6")
    player = Player(surface, "random", 0)
    assert not player.study.get_trials()
    player.know_parents()
    told = {t.user_attrs["origin"]: t for t in player.study.get_trials()}
    assert set(told) == set(surface.parents)
    assert told["expert:e0"].values == list(surface.parents["expert:e0"].values.values())
    assert told["expert:e0"].user_attrs["scores"]["t0"]["stderr"] > 0
    assert len(player.study.user_attrs["reference"]) == 4


class Watching(Player):
    """Writes down what is known at every proposal."""

    seen: list[tuple[int, int]] = []

    def ask(self) -> Any:
        states = [t.state.name for t in self.study.get_trials()]
        self.seen.append((states.count("COMPLETE"), states.count("RUNNING")))
        return super().ask()


@pytest.mark.parametrize(
    ("lag", "seen"), [(0, [(0, 0), (1, 0), (2, 0)]), (1, [(0, 0), (0, 1), (1, 1)])]
)
def test_with_lag_one_the_last_result_is_not_known_yet(
    lag: int, seen: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watching, "seen", [])
    monkeypatch.setattr(playing, "Player", Watching)
    run = play(synthetic("merge2"), Contestant("random", "native", lag), 0, 3)
    assert Watching.seen == seen
    assert len(run.values) == 3


def test_what_is_kept_is_not_run_again_and_more_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert keep(tmp_path) == 0
    before = (tmp_path / FILE).read_bytes()
    assert before.count(b"\n") == 2
    assert keep(tmp_path) == 0
    assert "2 runs, 2 of them kept" in capsys.readouterr().err
    assert (tmp_path / FILE).read_bytes() == before
    keep(tmp_path, trials=6)
    assert [len(run.values) for run in kept_runs(tmp_path).values()] == [6, 6]
    keep(tmp_path, trials=5)
    assert (tmp_path / FILE).read_bytes().count(b"\n") == 4


def test_runs_that_are_packed_are_not_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other, file = tmp_path / "one", tmp_path / "other", tmp_path / "other" / "random.jsonl.xz"
    other.mkdir()
    keep(one)
    pack = ["pack", "--samplers", "random@native", "--keep", str(one), "--to", str(file)]
    assert main(pack) == 0
    assert kept_runs(other) == kept_runs(one)
    before = file.read_bytes()
    capsys.readouterr()
    keep(other)
    assert "2 of them kept" in capsys.readouterr().err
    keep(other, trials=6)
    assert {len(run.values) for run in kept_runs(other).values()} == {6}
    assert file.read_bytes() == before
    assert main(pack) == 0
    assert file.read_bytes() == before


def test_a_line_that_a_kill_tore_is_cut_off_and_its_run_done_again(tmp_path: Path) -> None:
    keep(tmp_path)
    whole = (tmp_path / FILE).read_bytes()
    for cut in (1, 100, len(whole.splitlines(keepends=True)[1]) - 1):
        (tmp_path / FILE).write_bytes(whole[:-cut])
        assert [key.seed for key in kept_runs(tmp_path)] == [0]
        keep(tmp_path)
        assert [key.seed for key in kept_runs(tmp_path)] == [0, 1]
        assert [json.loads(x)["seed"] for x in (tmp_path / FILE).read_text().splitlines()] == [0, 1]
        left, was = kept_runs(tmp_path), whole.splitlines()
        assert list(left.values())[1].params == json.loads(was[1])["params"]


def test_a_torn_first_line_and_a_line_longer_than_a_block_are_handled(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"x" * 200_000)
    run = play(synthetic("merge2"), RANDOM, 0, 2)
    append(tmp_path, run)
    append(tmp_path, run)
    assert (tmp_path / FILE).read_bytes().count(b"\n") == 2
    assert next(iter(kept_runs(tmp_path).values())).params == run.params


def test_lines_of_another_format_are_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"format": 0}\n')
    with pytest.raises(RunError, match="line 1 is of another format"):
        kept_runs(tmp_path)


def _breaks(problem: Any) -> Any:
    from optuna.samplers import RandomSampler

    class Breaks(RandomSampler):
        def sample_independent(self, study: Any, trial: Any, *rest: Any) -> Any:
            if trial.number == 2:
                raise ValueError("matrix is singular")
            return super().sample_independent(study, trial, *rest)

    return Breaks(problem.seed)


def test_a_sampler_that_fails_is_kept_with_its_reason_and_tried_again_only_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {**PEERS, "random": Peer("random", "", 0, _breaks)}
    monkeypatch.setattr("benchmarks.quality.players.PEERS", broken)
    keep(tmp_path)
    found = kept_runs(tmp_path)
    assert [r.failure for r in found.values()] == ["proposal 2: ValueError: matrix is singular"] * 2
    assert [len(run.values) for run in found.values()] == [2, 2]
    monkeypatch.undo()
    keep(tmp_path)
    assert all(run.failure for run in kept_runs(tmp_path).values())
    keep(tmp_path, "--again")
    assert not any(run.failure for run in kept_runs(tmp_path).values())


def test_a_merge_that_fails_counts_and_has_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    surface = synthetic("merge2")
    measure, calls = type(surface).measure, []

    def sometimes(self: Any, params: Any) -> Measured:
        calls.append(params)
        if len(calls) == 4:  # after the three parents
            raise TrialError("weights sum to zero")
        return measure(self, params)

    monkeypatch.setattr(type(surface), "measure", sometimes)
    run = play(surface, Contestant("optuna_tpe", "native", 0), 0, 3)
    assert [row is None for row in run.values] == [True, False, False]
    assert run.params[0] is not None


def test_cheap_samplers_run_first_and_seeds_before_surfaces() -> None:
    found = contestants(["optuna_gp@native", "random@native"])
    tasks = [
        runner.Task(surface, contestant, seed, 10, False)
        for contestant in found
        for surface in ("a", "b")
        for seed in (0, 1)
    ]
    order = [
        (t.contestant.sampler, t.seed, t.surface) for t in runner.missing(tasks, {}, again=False)
    ]
    assert order[:4] == [("random", s, n) for s in (0, 1) for n in ("a", "b")]
    assert order[4][0] == "optuna_gp"


def test_specs_are_read_and_wrong_ones_named() -> None:
    labels = [c.label for c in contestants(["auto", "random", "tpe@shared+lag1"])]
    assert labels == ["auto@shared", "random@native", "random@shared", "tpe@shared+lag1"]
    assert contestants(["auto"])[0].lag == 1
    for wrong, said in (
        ("rondom", "did you mean 'random'"),
        ("random@nativ", "@native or @shared"),
        ("random@shared+lag2", r"\+lag0 or \+lag1"),
    ):
        with pytest.raises(RunError, match=said):
            contestants([wrong])


def test_an_unknown_surface_is_a_sentence_and_exit_code_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--samplers", "random", "--keep", str(tmp_path)]
    assert main(["run", "--surfaces", "merge66", *given]) == 2
    assert "did you mean 'merge6'" in capsys.readouterr().err
    assert not (tmp_path / FILE).exists()
