import numpy as np
import pytest
from front_cases import OBJECTIVES, corner, given, grids, sphere, study, trial

from optimerge.front import history as history_module
from optimerge.front import sampled
from optimerge.front.front import make_front
from optimerge.front.growing import GrowingVolume
from optimerge.front.history import make_history
from optimerge.front.hypervolume import history, hypervolume
from optimerge.front.sampled import sampled_history


@given(grids(max_rows=7, nan=True), max_examples=40)
def test_after_each_point_it_is_the_hypervolume_of_the_points_so_far(losses):
    volume = GrowingVolume(corner(losses))
    for count, row in enumerate(losses, 1):
        volume.add(row)
        assert volume.total == pytest.approx(hypervolume(losses[:count], corner(losses)), abs=1e-9)


def test_a_point_beyond_the_reference_joins_and_adds_nothing():
    volume = GrowingVolume([1.0, 1.0])
    assert volume.add([0.5, 0.5])
    assert volume.add([0.1, 2.0])
    assert volume.total == 0.25
    assert not volume.add([0.1, 2.0])
    assert not volume.add([0.0, np.nan])
    with pytest.raises(ValueError, match="a point"):
        volume.add([0.1])
    with pytest.raises(ValueError, match="finite"):
        GrowingVolume([np.nan, 1.0])


def test_the_history_ends_with_the_hypervolume_of_the_front():
    front, found = make_front(study(), OBJECTIVES), make_history(study(), OBJECTIVES)
    assert found.hypervolume[-1] == pytest.approx(front.relative_hypervolume)
    assert (np.diff(found.hypervolume) >= 0).all()
    assert [t.name for t in found.trials] == ["base", "org/code-7b", "org/math-7b", *"0123456"]


def test_what_is_worth_nothing_takes_its_turn_and_adds_nothing():
    found = make_history(study(), OBJECTIVES)
    added = np.diff(found.hypervolume, prepend=0.0)
    gains = dict(zip([t.name for t in found.trials], added, strict=True))
    assert gains["0"] > 0
    assert [gains[name] for name in "12345"] == [0.0] * 5  # dominated, equal, pruned, failed, NaN
    joined = [t.name for t, new in zip(found.trials, found.joined, strict=True) if new]
    assert joined == ["base", "org/code-7b", "org/math-7b", "0", "6"]


def test_a_trial_that_breaks_a_constraint_adds_nothing():
    trials = [trial(0, [0.5, 0.5, 0.5]), trial(1, [0.9, 0.9, 0.1], constraints={"a >= 1": 0.5})]
    found = make_history(trials, OBJECTIVES, [0.0, 0.0, 1.0], [1.0, 1.0, 1.0])
    np.testing.assert_allclose(found.hypervolume, [0.125, 0.125])
    assert found.joined.tolist() == [True, False]


def test_neither_order_nor_unit_matters_and_open_trials_are_left_out():
    trials = [*study(), trial(7, [None, None, None], state="running")]
    one, other = make_history(trials, OBJECTIVES), make_history(trials[::-1], OBJECTIVES)
    np.testing.assert_array_equal(one.hypervolume, other.hypervolume)
    assert len(one.trials) == len(study())
    reference, scales = np.array([0.0, 0.0, 2.0]), np.array([0.5, 0.25, 4.0])
    measured = make_history(trials, OBJECTIVES, reference, scales)
    front = make_front(trials, OBJECTIVES, reference, scales)
    assert measured.hypervolume[-1] == pytest.approx(front.relative_hypervolume)


def test_the_first_trial_joins_whatever_its_losses_are():
    first = trial(0, [-1e90, -1e90, 1e90])
    found = make_history([first], OBJECTIVES, [2e90] * 3, [1.0] * 3)
    assert found.joined.tolist() == [True]


def test_of_nothing_there_is_no_history():
    assert make_history([], OBJECTIVES).hypervolume.tolist() == []
    failed = make_history([trial(0, [None] * 3, state="failed")], OBJECTIVES)
    assert np.isnan(failed.hypervolume).tolist() == [True]


def test_a_sampled_volume_is_the_exact_one_within_its_error():
    points, reference = sphere(25, 6), np.full(6, 1.1)
    volume, error = sampled_history(points, points.min(axis=0), reference)
    exact = history(points, reference)
    assert 0 < error[-1] < 0.01 * exact[-1]
    assert (abs(volume - exact) < 4 * error + 1e-9).all()
    assert (np.diff(volume) >= 0).all()


def test_the_error_of_a_sampled_volume_is_that_of_a_share():
    volume, error = sampled_history([[1.0, 1.0], [0.0, 0.0]], [0.0, 0.0], [2.0, 4.0])
    share = volume[0] / 8
    assert share == pytest.approx(0.375, abs=1e-3)
    assert error[0] == pytest.approx(8 * np.sqrt(share * (1 - share) / 2**18))
    assert error[1] == 0  # the whole box


def test_a_sampled_volume_counts_each_sample_once_for_the_first_that_dominates_it():
    """Against the definition; more points than a machine word has bits."""
    points = np.random.default_rng(3).random((150, 4))
    samples = np.random.default_rng(4).random((500, 4))
    dominated = (points[None] <= samples[:, None]).all(axis=2)
    expected = np.where(dominated.any(axis=1), dominated.argmax(axis=1), 150)
    assert len(set(expected)) > 40
    np.testing.assert_array_equal(sampled._first_dominators(points, samples), expected)


def test_a_sampled_volume_gains_nothing_from_nan_and_from_what_is_dominated():
    corner = np.ones(3)
    found, _ = sampled_history(
        [[0.5, 0.5, 0.5], [0.1, np.nan, 0.1], [0.6, 0.5, 0.5], [0.2, 0.9, 0.9]], [0, 0, 0], corner
    )
    assert found[0] == found[1] == found[2] < found[3]
    with pytest.raises(ValueError, match="better than the reference"):
        sampled_history([[0.5] * 3], corner, corner)


def test_a_history_of_a_large_front_is_estimated_and_says_so(monkeypatch):
    exact = make_history(study(), OBJECTIVES)
    assert not exact.error.any()
    monkeypatch.setattr(history_module, "_EXACT", {3: 4})
    found = make_history(study(), OBJECTIVES)
    assert found.error[-1] > 0
    assert (abs(found.hypervolume - exact.hypervolume) < 5 * found.error + 1e-3).all()
    assert (np.diff(found.hypervolume) >= 0).all()
    np.testing.assert_array_equal(found.joined, exact.joined)
