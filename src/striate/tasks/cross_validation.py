"""Choosing by cross-validation: folds of the training images, and what is lost on them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

Rows = NDArray[np.float64]  # [n, K]
Numbers = NDArray[np.int64]  # [n]
Folds = list[tuple[NDArray[Any], NDArray[Any]]]  # numbers of rows to fit on, and to judge by

FOLDS = 5
CHOOSE_BY = 1000  # images at most that cross-validation looks at
ENOUGH = 20  # images for a cross-validation
LEAST_PROBABILITY = 1e-6  # in the log loss
ROUNDS = 1000  # of solvers that go step by step


def folds_of(labels: Numbers, seed: int) -> Folds:
    """Stratified; none where there are fewer than 20 images, or two in only one class."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(labels))[:CHOOSE_BY])
    counts = np.sort(np.bincount(labels[chosen]))
    folds = min(FOLDS, int(counts[-2]) if len(counts) > 1 else 0)
    if len(chosen) < ENOUGH or folds < 2:
        return []
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # classes with fewer images than folds are not in every fold
        warnings.simplefilter("ignore", UserWarning)
        parts = list(split.split(chosen, labels[chosen]))
    return [(chosen[fit], chosen[judge]) for fit, judge in parts]


def said_of(folds: Folds) -> str:
    """In words, for a reason."""
    judged = sum(len(judge) for _, judge in folds)
    return f"{len(folds)}-fold cross-validation on {judged} training images"


def fitted_on(pipeline: Pipeline, rows: Rows, labels: Numbers) -> Pipeline:
    """The pipeline, fitted, in silence; see `stopped_early`."""
    with stopping_silently():
        return pipeline.fit(rows, labels)


@contextmanager
def stopping_silently() -> Iterator[None]:
    """Inside the block, no solver complains that it was stopped before its end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def stopped_early(fitted: Pipeline) -> bool:
    """Whether a solver was stopped after `ROUNDS`, before its end."""
    return bool(np.max(getattr(fitted[-1], "n_iter_", 0)) >= ROUNDS)


def log_loss(pipeline: Pipeline, rows: Rows, labels: Numbers, folds: Folds) -> float:
    """The mean of -log of the probability given to the right class."""
    total, judged = 0.0, 0
    for fit, judge in folds:
        fitted = fitted_on(pipeline, rows[fit], labels[fit])
        own = fitted.classes_ == labels[judge][:, None]  # no column for a class not fitted
        given = (fitted.predict_proba(rows[judge]) * own).sum(axis=1)
        total -= np.log(np.maximum(given, LEAST_PROBABILITY)).sum()
        judged += len(judge)
    return float(total / judged)


def error_rate(pipeline: Pipeline, rows: Rows, labels: Numbers, folds: Folds) -> float:
    """The share of wrong answers."""
    wrong = judged = 0
    for fit, judge in folds:
        fitted = fitted_on(pipeline, rows[fit], labels[fit])
        wrong += int((fitted.predict(rows[judge]) != labels[judge]).sum())
        judged += len(judge)
    return wrong / judged
