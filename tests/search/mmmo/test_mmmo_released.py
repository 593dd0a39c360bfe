"""As released: the acquisition is dead with percents and mis-scaled with shares; mended it lives."""

import numpy as np
import optuna
import pytest
from mmmo_cases import SIX, history, searched, values

from optimerge.search.samplers.history import History
from optimerge.search.samplers.mmmo import released
from optimerge.search.samplers.mmmo.cells import undominated_cells
from optimerge.search.samplers.mmmo.improvement import expected_improvement
from optimerge.search.samplers.mmmo.mended import Parts, Round
from optimerge.search.samplers.mmmo.model import fit_model
from optimerge.search.samplers.mmmo.released import Gain, raw_reference, released_round, z_scores
from optimerge.search.samplers.mmmo.sampler import QUEUE, MMMOSampler

ROWS = np.random.default_rng(9).random((500, 6))
PERCENTS, SHARES = (100, 100, 1), (1, 1, 1)
NORM = 1e6
"""The released sparsity is the L1 norm of all differences: millions."""


def gain(known: History) -> Gain:
    scores = -known.losses
    model = fit_model(known.rows, -z_scores(scores), np.full_like(scores, np.nan), SIX)
    picked = np.full((1, 6), 0.9)
    reference = raw_reference(scores[:10])
    return Gain(model, known.rows, picked, -reference, np.random.default_rng(1))


@pytest.mark.parametrize("third", [1, NORM])
@pytest.mark.parametrize("trials", [10, 25])
def test_with_percents_the_released_acquisition_is_exactly_0_everywhere(
    trials: int, third: float
) -> None:
    worth = gain(history(trials, (100, 100, third)))
    assert (worth(ROWS) == 0.0).all()
    assert (worth(np.clip(ROWS + 1e-3, 0, 1)) == 0.0).all()
    corners = np.array(np.meshgrid(*[[0.0, 1.0]] * 6)).reshape(6, -1).T
    assert (worth(corners) == 0.0).all()


def test_with_shares_it_lives_but_half_a_deviation_off() -> None:
    """0.9 of a share is near 0.4: read as a z-score, that is above the mean of what is known."""
    known = history(10, SHARES)
    worth = gain(known)(ROWS)
    assert 0.3 < np.mean(worth > 0) < 1
    reference = raw_reference(-known.losses)
    assert ((reference[:2] > 0.35) & (reference[:2] < 0.5)).all()
    beaten = (z_scores(-known.losses)[:, :2] < reference[:2]).any(axis=1)
    assert beaten.mean() > 0.5  # most of the known points count for nothing


def test_with_shares_and_a_norm_it_does_not_see_the_norm() -> None:
    """A reference of -790 000 deviations: the volume's third side is always as good as that."""
    known = history(10, (1, 1, NORM))
    worth, two = gain(known)(ROWS), gain(history(10, (1, 1, 10 * NORM)))(ROWS)
    assert worth.max() > 1e4
    assert np.corrcoef(worth, two)[0, 1] > 0.9
    assert two.sum() / worth.sum() == pytest.approx(10, rel=0.05)  # its unit, nothing else


@pytest.mark.parametrize("unit", [PERCENTS, SHARES, (100, 100, NORM)])
def test_mended_it_lives_in_any_units_and_is_the_same(unit: tuple[float, float, float]) -> None:
    def worth(known: History) -> np.ndarray:
        mended = Round(known, SIX, None, Parts(), np.random.default_rng(0))
        mean, variance = mended.model.predict(ROWS)
        return expected_improvement(
            mean, variance, undominated_cells(mended._front, mended._corner)
        )

    found = worth(history(10, unit))
    assert np.mean(found > 0) > 0.95
    assert found == pytest.approx(worth(history(10)), rel=1e-3, abs=1e-6)


def test_the_raw_reference_is_worse_than_the_worst_and_zero_stays() -> None:
    scores = np.array([[50.0, -2.0, 0.0], [60.0, -1.0, 1.0]])
    assert raw_reference(scores) == pytest.approx([45.0, -2.2, 0.0])


def test_a_score_that_does_not_vary_is_no_nan() -> None:
    assert z_scores(np.array([[1.0, 2.0], [1.0, 4.0]]))[:, 0].tolist() == [0.0, 0.0]
    assert z_scores(np.array([[1.0]])).tolist() == [[0.0]]


def test_a_released_round_is_five_points_least_known_first() -> None:
    known = history(12, PERCENTS)
    rows = released_round(known, SIX, np.random.default_rng(0), percents=False)
    assert rows.shape == (5, 6)
    scores = -known.losses
    model = fit_model(known.rows, -z_scores(scores), np.full_like(scores, np.nan), SIX)
    information = (1 / model.predict(rows)[1]).sum(axis=1)
    assert (np.diff(information) >= 0).all()


def test_half_of_every_released_point_comes_from_elites_by_the_raw_sum() -> None:
    known = history(30, PERCENTS)
    rows = released_round(known, SIX, np.random.default_rng(0), percents=False)
    best = known.rows[np.argsort(known.losses[:, :2].sum(axis=1))[:5]]
    mutants = np.array(
        [
            np.clip(best[a] + 0.5 * (best[b] - best[c]), 0, 1)
            for a in range(5)
            for b in range(5)
            for c in range(5)
            if len({a, b, c}) == 3
        ]
    )
    shares = [(np.abs(mutants - row) < 1e-12).mean(axis=1).max() for row in rows]
    assert min(shares) > 0
    assert 0.2 < np.mean(shares) < 0.9


def test_percents_are_shares_times_100(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(released, "CANDIDATES", 5)
    shares, percents = history(12, SHARES), history(12, PERCENTS)
    one = released_round(shares, SIX, np.random.default_rng(0), percents=True)
    two = released_round(percents, SIX, np.random.default_rng(0), percents=False)
    assert one == pytest.approx(two, abs=1e-6)
    other = released_round(shares, SIX, np.random.default_rng(0), percents=False)
    assert np.abs(other - one).max() > 0.01


def test_the_sampler_draws_ten_points_then_makes_rounds_of_five() -> None:
    study = searched(MMMOSampler(seed=3, as_released=True), values, dict(SIX.distributions), 30)
    rounds = [t.number for t in study.trials if QUEUE in t.system_attrs]
    assert rounds == [10, 15, 20, 25]
    plain = searched(optuna.samplers.RandomSampler(seed=3), values, dict(SIX.distributions), 10)
    assert [t.params for t in study.trials[:10]] == [t.params for t in plain.trials]
