"""Every score of single-label models equals scikit-learn's to 1e-8, whatever the case."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peer

from striate.metrics import judge
from striate.metrics.classification import SingleLabel, macro
from striate.metrics.intervals import bootstrap, percentiles

CLOSE = 1e-8


@st.composite
def cases(draw):
    """Probabilities and labels: few or many classes, absent ones, ties, one class only."""
    k, n = draw(st.integers(2, 9)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shown = rng.permutation(k)[: draw(st.integers(1, k))]
    targets = rng.choice(shown, n)
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), targets] += draw(st.sampled_from([0.0, 1.0, 9.0]))
    if draw(st.booleans()):
        logits = logits.round()  # many ties
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True), targets


@settings(max_examples=150, deadline=None)
@given(cases())
def test_all_scores_are_scikit_learns(case) -> None:
    p, targets = case
    n, k = p.shape
    labels, answers = np.arange(k), p.argmax(axis=1)
    names = tuple(f"c{i}" for i in labels)
    scores = SingleLabel(p, targets, resamples=5)
    found = {name: estimate.value for name, estimate in scores.metrics().items()}
    shown = np.unique(targets)
    macro_of_shown = {"labels": shown, "average": "macro", "zero_division": 0}
    close = {
        "accuracy": peer.accuracy_score(targets, answers),
        "balanced_accuracy": peer.recall_score(targets, answers, **macro_of_shown),
        "macro_f1": peer.f1_score(targets, answers, **macro_of_shown),
        "negative_log_likelihood": peer.log_loss(targets, p, labels=labels),
        "brier_score": peer.brier_score_loss(targets, p, labels=labels),
    }
    if k > 5:
        close["top5_accuracy"] = peer.top_k_accuracy_score(targets, p, k=5, labels=labels)
    for name, theirs in close.items():
        assert found[name] == pytest.approx(theirs, abs=CLOSE), name
    np.testing.assert_array_equal(
        scores.confusion, peer.confusion_matrix(targets, answers, labels=labels)
    )
    assert ("top5_accuracy" in found) == (k > 5)
    precision, recall, f1, support = peer.precision_recall_fscore_support(
        targets, answers, labels=labels, zero_division=0
    )
    aucs = []
    for i, row in enumerate(scores.per_class(names)):
        assert (row["class"], row["support"]) == (f"c{i}", support[i])
        assert row["recall"]["value"] == (pytest.approx(recall[i]) if support[i] else None)
        answered = (answers == i).any()
        assert row["precision"]["value"] == (pytest.approx(precision[i]) if answered else None)
        assert row["f1"]["value"] == (pytest.approx(f1[i], abs=CLOSE) if support[i] else None)
        if 0 < support[i] < n:
            aucs.append(peer.roc_auc_score(targets == i, p[:, i]))
            assert row["auc"]["value"] == pytest.approx(aucs[-1], abs=CLOSE)
        else:
            assert row["auc"] is None
    assert found["macro_auc"] == (pytest.approx(np.mean(aucs), abs=CLOSE) if aucs else None)


def test_macro_scores_are_scikit_learns_own_where_every_class_is_shown() -> None:
    rng = np.random.default_rng(1)
    p, targets = rng.dirichlet(np.ones(4), 200), rng.integers(0, 4, 200)
    answers, found = p.argmax(axis=1), SingleLabel(p, targets, resamples=5).metrics()
    balanced = peer.balanced_accuracy_score(targets, answers)
    auc = peer.roc_auc_score(targets, p, multi_class="ovr")
    f1 = peer.f1_score(targets, answers, average="macro")
    assert found["balanced_accuracy"].value == pytest.approx(balanced, abs=CLOSE)
    assert found["macro_auc"].value == pytest.approx(auc, abs=CLOSE)
    assert found["macro_f1"].value == pytest.approx(f1, abs=CLOSE)


@settings(max_examples=25, deadline=None)
@given(cases())
def test_a_resample_scores_as_scikit_learn_scores_the_drawn_images(case) -> None:
    p, targets = case
    n, k = p.shape
    scores = SingleLabel(p, targets, resamples=3, seed=7)
    drawn = bootstrap(lambda w: w.astype(int), n, resamples=3, seed=7)
    for weights, counted, aucs in zip(drawn, scores._draws, scores._auc_draws, strict=True):
        rows = np.repeat(np.arange(n), weights)
        y, answers = targets[rows], p[rows].argmax(axis=1)
        average = {"labels": np.unique(y), "average": "macro", "zero_division": 0}
        theirs = [
            peer.recall_score(y, answers, **average),
            peer.f1_score(y, answers, **average),
            peer.log_loss(y, p[rows], labels=np.arange(k)),
            peer.brier_score_loss(y, p[rows], labels=np.arange(k)),
        ]
        np.testing.assert_allclose(counted[:4], theirs, atol=1e-6)
        for i in range(k):
            if 0 < (y == i).sum() < n:
                assert aucs[i] == pytest.approx(peer.roc_auc_score(y == i, p[rows, i]), abs=CLOSE)
            else:
                assert np.isnan(aucs[i])


def test_intervals_are_those_of_resampling_images_one_by_one() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 3, 150)
    p = rng.dirichlet(np.ones(3), 150)
    p[np.arange(150), targets] += 0.4
    p /= p.sum(axis=1, keepdims=True)
    ours = SingleLabel(p, targets, resamples=2000).metrics()["macro_f1"]
    slow = []
    for _ in range(600):
        rows = rng.integers(0, 150, 150)
        slow.append(peer.f1_score(targets[rows], p[rows].argmax(axis=1), average="macro"))
    assert (ours.low, ours.high) == pytest.approx(percentiles(np.array(slow)), abs=0.02)


def test_macro_of_nothing_is_nothing() -> None:
    assert np.isnan(macro(np.array([np.nan, np.nan])))
    assert macro(np.array([np.nan, 0.5])) == 0.5


def test_rows_that_sum_to_one_but_for_rounding_are_accepted() -> None:
    rng = np.random.default_rng(0)
    exact, targets = rng.dirichlet(np.ones(5), 40), rng.integers(0, 5, 40)
    rounded = (exact * 1.0005).astype(np.float32)  # as far off as bfloat16 may be
    ours, theirs = (
        judge("single_label", p, targets, "abcde", resamples=10) for p in (rounded, exact)
    )
    for name, estimate in theirs["metrics"].items():
        assert ours["metrics"][name]["value"] == pytest.approx(estimate["value"], abs=1e-6), name


@pytest.mark.slow
def test_ten_thousand_images_take_a_few_seconds() -> None:
    import time

    rng = np.random.default_rng(0)
    p, targets = rng.dirichlet(np.ones(10), 10_000), rng.integers(0, 10, 10_000)
    start = time.perf_counter()
    judged = judge("single_label", p, targets, tuple("0123456789"))
    assert judged["intervals"]["rank_resamples"] == 1000
    assert time.perf_counter() - start < 8
