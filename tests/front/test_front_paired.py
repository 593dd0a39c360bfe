"""The paired bootstrap: what it draws, and that its probabilities and intervals mean what they say."""

import numpy as np
import pytest

from optimerge.front import paired
from optimerge.front.membership import beats_all, front_shares
from optimerge.front.paired import Outcomes, Part, draw, drawn_counts


def outcomes(*columns, weight=None):
    """One objective: by task an array [documents, models]."""
    weights = weight or [1 / len(columns)] * len(columns)
    losses = sum(w * c.mean(axis=0) for w, c in zip(weights, columns, strict=True))
    parts = tuple(Part(c, w) for w, c in zip(weights, columns, strict=True))
    return Outcomes(losses, np.zeros(len(losses)), parts)


def answers(random, items, models, kinship=0.8):
    """Losses -1 or 0 of models that fail on much the same documents."""
    hard = random.normal(size=(items, 1)) * kinship
    return -(hard + random.normal(size=(items, models)) * (1 - kinship) > 0).astype(float)


def test_every_draw_has_one_document_less_than_there_are():
    counts = drawn_counts(40, 300, np.random.default_rng(0))
    assert counts.shape == (300, 40)
    assert set(counts.sum(axis=1)) == {39.0}
    assert counts.max() > 1
    assert abs(counts.mean() - 39 / 40) < 1e-12
    assert drawn_counts(1, 3, np.random.default_rng(0)).tolist() == [[1], [1], [1]]


def test_the_draws_vary_as_the_standard_error_says():
    random = np.random.default_rng(1)
    values = random.normal(size=(12, 3)) * [1, 5, 0]
    drawn = draw([outcomes(values)], draws=20_000)[0]
    stderr = values.std(axis=0, ddof=1) / np.sqrt(12)
    assert drawn.std(axis=1) == pytest.approx(stderr, rel=0.03)  # without the -1 it is 4 % less
    assert drawn.mean(axis=1) == pytest.approx(values.mean(axis=0), abs=0.03)


def test_models_share_the_documents_drawn_and_a_tie_stays_one():
    random = np.random.default_rng(2)
    values = random.normal(size=(200, 5))
    values[:, 3] = values[:, 1]
    values[:, 4] = values[:, 0] + 0.25
    drawn = draw([outcomes(values, random.normal(size=(30, 5)) * 0)], draws=100)[0]
    assert np.array_equal(drawn[3], drawn[1])
    assert drawn[4] - drawn[0] == pytest.approx(np.full(100, 0.125))


def test_tasks_are_drawn_independently_and_two_metrics_of_one_task_are_not():
    values = np.random.default_rng(3).normal(size=(50, 2))
    apart = draw([outcomes(values), outcomes(values)], draws=1000)
    same = [
        Outcomes(o.losses, o.errors, (Part(values, 1.0, "task digest"),))
        for o in [outcomes(values)] * 2
    ]
    together = draw(same, draws=1000)
    assert np.array_equal(together[0], together[1])
    assert abs(np.corrcoef(apart[0, 0], apart[1, 0])[0, 1]) < 0.1


def test_scores_without_documents_are_normal_and_exact_ones_stay():
    each = Outcomes(np.array([0.5, 0.25, np.nan]), np.array([0.1, 0.0, 0.0]))
    drawn = draw([each], draws=4000)[0]
    assert drawn[0].std() == pytest.approx(0.1, rel=0.05)
    assert set(drawn[1]) == {0.25}
    assert np.isnan(drawn[2]).all()


def test_a_model_without_outcomes_is_drawn_beside_those_with():
    values = np.random.default_rng(4).normal(size=(40, 3))
    values[:, 2] = np.nan
    losses = np.array([*values[:, :2].mean(axis=0), 0.7])
    drawn = draw([Outcomes(losses, np.array([0, 0, 0.2]), (Part(values),))], draws=3000)[0]
    assert drawn[2].mean() == pytest.approx(0.7, abs=0.02)
    assert drawn[2].std() == pytest.approx(0.2, rel=0.05)
    assert drawn[0].mean() == pytest.approx(losses[0], abs=0.02)


def test_who_has_outcomes_is_known_model_by_model():
    values = np.ones((4, 3))
    values[2, 1] = np.nan
    each = Outcomes(np.ones(3), np.zeros(3), (Part(values),))
    assert each.by_documents.tolist() == [True, False, True]
    assert Outcomes(np.ones(2), np.zeros(2)).by_documents.tolist() == [False, False]


def test_the_seed_decides_and_the_size_of_chunks_does_not_matter_to_shapes(monkeypatch):
    each = outcomes(answers(np.random.default_rng(5), 64, 4))
    first = draw([each], draws=500, seed=7)
    assert np.array_equal(first, draw([each], draws=500, seed=7))
    assert not np.array_equal(first, draw([each], draws=500, seed=8))
    monkeypatch.setattr(paired, "_MOST_CELLS", 64 * 7)
    chunked = draw([each], draws=500, seed=7)
    assert chunked.std(axis=2) == pytest.approx(first.std(axis=2), rel=0.15)


def test_a_score_that_is_not_its_documents_mean_is_refused():
    values = np.ones((4, 2))
    with pytest.raises(ValueError, match=r"model 1: a score of 0\.5 whose documents' mean is 1"):
        Outcomes(np.array([1.0, 0.5]), np.zeros(2), (Part(values),))


def brute_shares(drawn):
    _, models, draws = drawn.shape
    found = []
    for i in range(models):
        free = 0
        for d in range(draws):
            mine = drawn[:, i, d]
            others = [drawn[:, j, d] for j in range(models) if j != i]
            free += not any((o <= mine).all() and (o < mine).any() for o in others)
        found.append(free / draws)
    return found


def test_membership_is_the_definition():
    for seed in range(5):
        random = np.random.default_rng(seed)
        drawn = random.integers(0, 4, size=(3, 7, 60)).astype(float)
        drawn[1] = drawn[1, :, :1]  # one that does not vary
        assert front_shares(drawn, range(7)).tolist() == pytest.approx(brute_shares(drawn))


def test_a_model_that_lacks_an_objective_dominates_none_and_has_no_share():
    drawn = np.array([[[0.0], [1.0]], [[np.nan], [1.0]]])
    assert np.isnan(front_shares(drawn, [0, 1])[0])
    assert front_shares(drawn, [1]).tolist() == [1.0]


def test_to_beat_all_is_to_beat_the_best_of_each_draw():
    drawn = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, -1.0, 0.0], [1.0, -1.0, 1.0, 1.0]])
    assert beats_all(drawn, 0, [1, 2]) == 0.25
    assert beats_all(drawn, 0, [1]) == 0.5
    assert np.isnan(beats_all(drawn, 0, []))


def calibration(draw_fn, cases=300):
    """How often models that are said to be better with a probability near 0.85 are better.

    Truths come from a wide prior, as the probability supposes; models are kin.
    """
    random, said, true = np.random.default_rng(11), [], []
    for case in range(cases):
        hard = random.normal(size=(150, 1))
        skill = random.normal(size=2) * 0.08
        values = -(hard + 0.25 * random.normal(size=(150, 2)) + skill > 0).astype(float)
        drawn = draw_fn([outcomes(values)], 300, case)[0]
        share = float((drawn[0] < drawn[1]).mean() + 0.5 * (drawn[0] == drawn[1]).mean())
        said.append(share)
        true.append(skill[0] > skill[1])
    said, true = np.array(said), np.array(true)
    sure = np.maximum(said, 1 - said)
    right = np.where(said > 0.5, true, ~true)
    near = (sure > 0.7) & (sure < 0.95)
    return float(right[near].mean()), float(sure[near].mean())


def law_of_calibration(draw_fn):
    right, said = calibration(draw_fn)
    assert abs(right - said) < 0.09, (right, said)


def unpaired(objectives, draws, seed):
    """The planted fault: other documents for each model."""
    found = []
    for each in objectives:
        columns = [
            draw(
                [Outcomes(each.losses[[m]], each.errors[[m]], tuple(Part(p.losses[:, [m]], p.weight) for p in each.parts))],
                draws,
                seed * 100 + m,
            )[0]
            for m in range(len(each.losses))
        ]  # fmt: skip
        found.append(np.concatenate(columns))
    return np.stack(found)


def test_probabilities_are_calibrated():
    law_of_calibration(draw)


def test_unpaired_drawing_is_not_calibrated():
    with pytest.raises(AssertionError):
        law_of_calibration(unpaired)
