"""Scores of several labels per image equal scikit-learn's; thresholds are the best ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peer

from striate.metrics import fit_thresholds
from striate.metrics.intervals import bootstrap
from striate.metrics.multilabel import MultiLabel

CLOSE = 1e-8


@st.composite
def cases(draw):
    k, n = draw(st.integers(1, 6)), draw(st.integers(1, 50))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    targets = rng.random((n, k)) < rng.choice([0, 0.2, 0.6, 1], k)
    p = (rng.random((n, k)) + targets).clip(0, 1.4) / 1.4
    return (p.round(1) if draw(st.booleans()) else p), targets, rng.uniform(0.2, 0.8, k)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_all_scores_are_scikit_learns(case) -> None:
    p, targets, thresholds = case
    k = p.shape[1]
    scores = MultiLabel(p, targets, thresholds, resamples=5)
    found = {name: estimate.value for name, estimate in scores.metrics().items()}
    answers, shown = p >= thresholds, np.flatnonzero(targets.any(axis=0))
    assert found["exact_match"] == pytest.approx((answers == targets).all(axis=1).mean())
    assert found["hamming_loss"] == pytest.approx((answers != targets).mean(), abs=CLOSE)
    if not len(shown):
        assert found["mean_average_precision"] is found["macro_f1"] is found["macro_auc"] is None
        return
    f1 = [peer.f1_score(targets[:, i], answers[:, i], zero_division=0) for i in shown]
    assert found["macro_f1"] == pytest.approx(np.mean(f1), abs=CLOSE)
    micro = peer.f1_score(targets.ravel(), answers.ravel(), zero_division=0)
    assert found["micro_f1"] == pytest.approx(micro, abs=CLOSE)
    areas = [peer.average_precision_score(targets[:, i], p[:, i]) for i in shown]
    assert found["mean_average_precision"] == pytest.approx(np.mean(areas), abs=CLOSE)
    mixed = [i for i in shown if not targets[:, i].all()]
    aucs = [peer.roc_auc_score(targets[:, i], p[:, i]) for i in mixed]
    assert found["macro_auc"] == (pytest.approx(np.mean(aucs), abs=CLOSE) if aucs else None)
    for i, row in enumerate(scores.per_class(tuple("abcdef"[:k]))):
        n_of, right = int(targets[:, i].sum()), int((targets & answers)[:, i].sum())
        assert row["support"] == n_of
        assert row["recall"]["value"] == (right / n_of if n_of else None)
        assert (row["average_precision"] is None) == (n_of == 0)
        assert row["threshold"] == thresholds[i]


def test_a_resample_scores_as_scikit_learn_scores_the_drawn_images() -> None:
    rng = np.random.default_rng(0)
    targets, p = rng.random((40, 3)) < 0.4, rng.random((40, 3))
    scores = MultiLabel(p, targets, np.full(3, 0.5), resamples=4, seed=2)
    drawn = bootstrap(lambda w: w.astype(int), 40, resamples=4, seed=2)
    for weights, counted, areas in zip(drawn, scores._draws, scores._precision_draws, strict=True):
        rows = np.repeat(np.arange(40), weights)
        y, answers = targets[rows], p[rows] >= 0.5
        theirs = [
            peer.f1_score(y, answers, average="macro"),
            peer.f1_score(y, answers, average="micro"),
            peer.accuracy_score(y, answers),
            peer.hamming_loss(y, answers),
        ]
        np.testing.assert_allclose(counted[:4], theirs, atol=1e-6)
        mean = peer.average_precision_score(y, p[rows], average="macro")
        assert macro_of(areas) == pytest.approx(mean, abs=1e-6)


def macro_of(values) -> float:
    return float(np.mean(values))


def test_fitted_thresholds_have_the_highest_f1_of_all() -> None:
    rng = np.random.default_rng(0)
    targets = rng.random((200, 4)) < [0.5, 0.1, 0.3, 0.01]
    p = (0.6 * targets + rng.random((200, 4))).clip(0, 1.6) / 1.6
    found = fit_thresholds(p, targets)
    assert found[3] == 0.5  # fewer than five images carry it
    for i in range(3):
        best = max(peer.f1_score(targets[:, i], p[:, i] >= cut) for cut in p[:, i])
        assert peer.f1_score(targets[:, i], p[:, i] >= found[i]) == pytest.approx(best)
