"""Heads that scikit-learn fits on the features of a network: logistic regression, SVM, neighbours.

The free number (C, or how many neighbours vote) is chosen by cross-validation on the training
features alone. What comes out needs no scikit-learn to answer, and answers as it does.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from striate.errors import DataError, UsageError, unknown_name
from striate.nn.feature_heads import FeatureHead, LinearHead, Metric, NearestHead
from striate.predictions import Task
from striate.tasks.cross_validation import (
    ROUNDS,
    Folds,
    Numbers,
    Rows,
    error_rate,
    fitted_on,
    folds_of,
    log_loss,
    said_of,
    stopped_early,
)

HeadKind = Literal["logistic", "svm", "knn"]

STRENGTHS = {  # C; the smaller, the more the weights are held back
    "logistic": (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0),
    "svm": (1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
}
USUAL_STRENGTH = {"logistic": 1e-2, "svm": 1e-3}  # where there are too few images to choose
NEIGHBOURS = (1, 3, 5, 9, 15, 25)
USUAL_NEIGHBOURS = 5
METRICS: tuple[Metric, ...] = ("cosine", "euclidean")
ABSENT = -1e4  # the logit of a class without a training image
TOO_FEW = "too few images to choose by cross-validation"


class Way(NamedTuple):
    """A way to ask neighbours."""

    neighbours: int
    metric: Metric
    standardised: bool


@dataclass(frozen=True, eq=False)
class FittedHead:
    """A head with what was chosen for it.

    Args:
        module: features [N, K] or [N, K, h, w] -> logits [N, classes].
        described: kind and choices as plain JSON, such as `{"kind": "svm", "C": 0.01}`.
        reasons: sentences for the report.
    """

    module: FeatureHead
    described: dict[str, Any]
    reasons: tuple[str, ...]


def fit_head(
    kind: HeadKind,
    features: NDArray[Any],
    labels: NDArray[Any],
    *,
    classes: int,
    task: Task = "single_label",
    seed: int = 0,
) -> FittedHead:
    """Fit a head on the features of training images; equal input gives equal bits.

    logistic and svm standardise the features; the SVM is one-vs-rest with squared hinge loss. For
    several labels an image they are fitted for each label alone. A class without a training image
    is never the answer.

    Shape: features [n, K]; labels [n] from 0, or [n, classes] of 0 and 1 for several labels.
    Args:
        classes: how many there are, whether or not all have an image.
        seed: shuffles the folds of the cross-validation.
    Raises:
        UnknownName: no such kind.
        UsageError: the task is regression, or several labels by neighbours.
        DataError: features or labels cannot be fitted: shapes, NaN, one class alone.
    """
    if kind not in get_args(HeadKind):
        raise unknown_name("head", kind, get_args(HeadKind))
    _check_task(kind, task)
    rows = np.asarray(features, np.float32).astype(np.float64)  # what a `NearestHead` stores
    targets = np.asarray(labels).astype(np.int64)
    _check(rows, targets, classes, task)
    if task == "multi_label":
        return _for_each_label(kind, rows, targets, seed)
    folds = folds_of(targets, seed)
    if kind == "knn":
        return _nearest(rows, targets, classes, folds)
    return _linear(kind, rows, targets, classes, folds)


def linear_pipeline(kind: str, strength: float) -> Pipeline:
    """scikit-learn's own that a `LinearHead` of `fit_head` answers as."""
    if kind == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=ROUNDS))
    return make_pipeline(
        StandardScaler(), LinearSVC(C=strength, dual="auto", max_iter=ROUNDS, random_state=0)
    )


def nearest_pipeline(neighbours: int, metric: Metric, standardised: bool) -> Pipeline:
    """scikit-learn's own that a `NearestHead` of `fit_head` answers as."""
    scaler = StandardScaler() if standardised else FunctionTransformer()
    votes = KNeighborsClassifier(neighbours, metric=metric, algorithm="brute")
    return make_pipeline(scaler, votes)


def _linear(kind: HeadKind, rows: Rows, labels: Numbers, classes: int, folds: Folds) -> FittedHead:
    loss = log_loss if kind == "logistic" else error_rate
    strength, why = USUAL_STRENGTH[kind], TOO_FEW
    if folds:
        losses = {c: loss(linear_pipeline(kind, c), rows, labels, folds) for c in STRENGTHS[kind]}
        strength = min(losses, key=lambda c: (losses[c], c))  # of equal ones the smaller
        why = (
            f"it had {'the smallest log loss' if kind == 'logistic' else 'the fewest errors'} "
            f"({losses[strength]:.3g}) of {', '.join(f'{c:g}' for c in losses)} in {said_of(folds)}"
        )
    fitted = fitted_on(linear_pipeline(kind, strength), rows, labels)
    name = "Logistic regression" if kind == "logistic" else "A linear one-vs-rest SVM"
    reasons = [
        f"{name} on {rows.shape[1]} standardised features of {len(rows)} images, "
        f"C = {strength:g}: {why}."
    ]
    if stopped_early(fitted):
        reasons.append(f"{name} was stopped after {ROUNDS} rounds, before its end.")
    described = {"kind": kind, "C": strength, "standardised": True}
    return FittedHead(_linear_head(fitted, classes), described, tuple(reasons))


def _linear_head(fitted: Pipeline, classes: int) -> LinearHead:
    """With the standardisation folded in; two classes share one decision value, halved with signs
    for probabilities (their difference is the log odds), whole for the SVM."""
    scaler, linear = fitted[0], fitted[-1]
    weight = linear.coef_ / scaler.scale_
    bias = linear.intercept_ - weight @ scaler.mean_
    if len(linear.classes_) == 2:
        half = 0.5 if isinstance(linear, LogisticRegression) else 1.0
        weight, bias = half * np.vstack([-weight, weight]), half * np.concatenate([-bias, bias])
    whole, offsets = np.zeros((classes, weight.shape[1])), np.full(classes, ABSENT)
    whole[linear.classes_], offsets[linear.classes_] = weight, bias
    return LinearHead(torch.from_numpy(whole).float(), torch.from_numpy(offsets).float())


def _nearest(rows: Rows, labels: Numbers, classes: int, folds: Folds) -> FittedHead:
    way, why = Way(min(USUAL_NEIGHBOURS, len(rows)), METRICS[0], False), TOO_FEW
    if folds:
        errors = _errors_of_ways(rows, labels, folds)
        way = min(errors, key=lambda each: (errors[each], each.standardised, -each.neighbours))
        why = (
            f"the fewest errors ({errors[way]:.3g}) of {len(errors)} ways (neighbours "
            f"{', '.join(str(each) for each in sorted({each.neighbours for each in errors}))}; "
            f"cosine or euclidean; standardised or not) in {said_of(folds)}"
        )
    scaler = fitted_on(nearest_pipeline(*way), rows, labels)[0]
    head = NearestHead(
        torch.from_numpy(rows).float(),
        torch.from_numpy(labels),
        classes=classes,
        neighbours=way.neighbours,
        metric=way.metric,
        mean=torch.from_numpy(scaler.mean_) if way.standardised else None,
        scale=torch.from_numpy(scaler.scale_) if way.standardised else None,
    )
    said = (
        f"The {way.neighbours} nearest of {len(rows)} images vote, by {way.metric} distance of "
        f"{rows.shape[1]} {'standardised ' if way.standardised else ''}features: {why}."
    )
    return FittedHead(head, {"kind": "knn", **way._asdict()}, (said,))


def _errors_of_ways(rows: Rows, labels: Numbers, folds: Folds) -> dict[Way, float]:
    """The share of wrong answers; neighbours are sought once for all their numbers."""
    smallest = min(len(fit) for fit, _ in folds)
    counts = [count for count in NEIGHBOURS if count <= smallest]
    errors: dict[Way, float] = {}
    for metric, standardised in product(METRICS, (False, True)):
        wrong = np.zeros(len(counts))
        for fit, judge in folds:
            pipeline = nearest_pipeline(counts[-1], metric, standardised)
            scaler, votes = fitted_on(pipeline, rows[fit], labels[fit])
            near = votes.kneighbors(scaler.transform(rows[judge]), return_distance=False)
            cast = np.eye(labels.max() + 1, dtype=np.int32)[labels[fit][near]]  # [m, k, classes]
            answers = cast.cumsum(axis=1).argmax(axis=2)  # of the first 1, 2, … k neighbours
            wrong += [(answers[:, count - 1] != labels[judge]).sum() for count in counts]
        shares = wrong / sum(len(judge) for _, judge in folds)
        errors |= {
            Way(count, metric, standardised): float(share)
            for count, share in zip(counts, shares, strict=True)
        }
    return errors


def _for_each_label(kind: HeadKind, rows: Rows, labels: Numbers, seed: int) -> FittedHead:
    """One row of weights a label: its log odds, or the SVM's decision value."""
    weights, biases, chosen = [], [], list[float | None]()
    for column in labels.T:
        present = int(column.sum())
        if present in (0, len(column)):  # nothing to learn; the odds as counted, a half added
            odds = (present + 0.5) / (len(column) - present + 0.5)
            weights.append(torch.zeros(rows.shape[1]))
            biases.append(torch.tensor(odds).log())
            chosen.append(None)
            continue
        found = _linear(kind, rows, column, 2, folds_of(column, seed))
        weight, bias = found.module.state_dict().values()
        share = 1.0 if kind == "logistic" else 0.5  # of the difference of both logits
        weights.append(share * (weight[1] - weight[0]))
        biases.append(share * (bias[1] - bias[0]))
        chosen.append(found.described["C"])
    strengths = ", ".join("none" if c is None else f"{c:g}" for c in chosen)
    said = (
        f"For each label a {'logistic regression' if kind == 'logistic' else 'linear SVM'} of its "
        f"own on {rows.shape[1]} standardised features of {len(rows)} images; C by label: "
        f"{strengths} (none: all images agree)."
    )
    described = {"kind": kind, "C": chosen, "standardised": True}
    return FittedHead(LinearHead(torch.stack(weights), torch.stack(biases)), described, (said,))


def _check_task(kind: HeadKind, task: Task) -> None:
    if task == "regression":
        raise UsageError(
            "head-for-classes",
            f"--head {kind} tells classes apart; these targets are numbers.",
            "Train a linear head: --head linear.",
        )
    if task == "multi_label" and kind == "knn":
        raise UsageError(
            "head-for-one-class",
            "--head knn gives each image one class; these images have several labels.",
            "Take --head logistic, svm or linear.",
        )


def _check(rows: Rows, labels: Numbers, classes: int, task: Task) -> None:
    several = task == "multi_label"
    wanted = (len(rows), classes) if several else (len(rows),)
    if rows.ndim != 2 or not len(rows) or labels.shape != wanted:
        raise DataError(
            "head-shapes",
            f"A head is fitted on features [n, K] and labels {'[n, classes]' if several else '[n]'}"
            f", got {list(rows.shape)} and {list(labels.shape)} for {classes} classes.",
        )
    if labels.min() < 0 or labels.max() >= (2 if several else classes):
        raise DataError(
            "head-labels",
            f"Labels must be 0..{1 if several else classes - 1}, got {labels.min()} to "
            f"{labels.max()}.",
        )
    if not np.isfinite(rows).all():
        bad = int((~np.isfinite(rows).all(axis=1)).sum())
        raise DataError(
            "head-not-finite",
            f"The features of {bad} of {len(rows)} images hold NaN or infinity.",
            "Check that the preprocessing is the one of the weights.",
        )
    if not several and len(np.unique(labels)) < 2:
        raise DataError(
            "head-one-class",
            f"All {len(rows)} training images are of one class.",
            "Give images of two classes or more.",
        )
