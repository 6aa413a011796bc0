"""From a model's answers on the test part to every number of the report, each with its interval."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from striate.metrics._checks import (
    Ints,
    check_column,
    check_distribution,
    check_finite,
    check_labels,
    check_multi_hot,
    check_probabilities,
    check_same_length,
    unknown_task,
)
from striate.metrics.calibration import calibration_error, chart_bins
from striate.metrics.classification import SingleLabel
from striate.metrics.intervals import CONFIDENCE, Estimate, Floats
from striate.metrics.multilabel import MultiLabel
from striate.metrics.regression import regression
from striate.metrics.verdict import Task, class_notes

SCATTER = 2_000  # points of a chart


def judge(
    task: Task,
    outputs: npt.ArrayLike,
    targets: npt.ArrayLike,
    classes: Sequence[str],
    *,
    uncalibrated: npt.ArrayLike | None = None,
    temperature: float = 1.0,
    thresholds: npt.ArrayLike = 0.5,
    seed: int = 0,
    resamples: int = 1000,
) -> dict[str, Any]:
    """All scores of one model on a set of images, as plain numbers for JSON.

    Args:
        outputs: probabilities after temperature scaling, [n, classes]; regression: values, [n].
        targets: class numbers [n]; several labels: 0/1 [n, classes]; regression: values [n].
        classes: names, in the order of the columns.
        uncalibrated: single label: the probabilities before temperature scaling, if they differ.
        temperature: what was fitted on the validation part; only passed on.
        thresholds: several labels: probability from which a label is answered, one or per label.
        seed, resamples: of the bootstrap, over images.
    Returns: `metrics`, `per_class`, `confusion_matrix`, `curves`, `calibration` as in
        `report.json`; `intervals` (how they were made), `baseline` (what guessing would reach)
        and `notes` (sentences on what could not be judged). No NaN: undefined numbers are None.
    Raises:
        ShapeError, DataError, UsageError: outputs or targets are not what `task` calls for.
    """
    names = tuple(classes)
    options = {"seed": seed, "resamples": resamples}
    judged: dict[str, Any]
    if task == "single_label":
        found = check_distribution("judge", outputs, len(names))
        before = found
        if uncalibrated is not None:
            before = check_distribution("judge, uncalibrated", uncalibrated, len(names))
        labels = check_labels("judge", targets, len(names))
        check_same_length("judge", outputs=found, uncalibrated=before, targets=labels)
        judged = _single_label(found, before, labels, names, temperature, options)
    elif task == "multi_label":
        found = check_probabilities("judge", outputs, len(names))
        positive = check_multi_hot("judge", targets, len(names))
        check_same_length("judge", outputs=found, targets=positive)
        cuts = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), (len(names),))
        judged = _multi_label(found, positive, cuts, names, options)
    elif task == "regression":
        judged = _regression(
            check_column("judge", outputs), check_column("judge", targets), options
        )
    else:
        raise unknown_task("judge", task)
    drawn = judged.pop("rank_resamples", resamples)
    judged["intervals"] = {"confidence": CONFIDENCE, **options, "rank_resamples": drawn}
    return judged


def _single_label(
    found: Floats,
    before: Floats,
    labels: Ints,
    names: tuple[str, ...],
    temperature: float,
    options: dict[str, int],
) -> dict[str, Any]:
    scores = SingleLabel(found, labels, **options)
    metrics = scores.metrics()
    for key, probabilities in [("", found), ("_uncalibrated", before)]:
        right = probabilities.argmax(axis=1) == labels
        sure = probabilities.max(axis=1)
        metrics[f"calibration_error{key}"] = calibration_error(sure, right, **options)
    support = scores.confusion.sum(axis=1)
    commonest = int(support.argmax())
    return {
        "metrics": _plain(metrics),
        "per_class": scores.per_class(names),
        "confusion_matrix": scores.confusion.tolist(),
        "curves": scores.ranked.curves(names),
        "calibration": {
            "temperature": float(temperature),
            "before": chart_bins(before.max(axis=1), before.argmax(axis=1) == labels),
            "after": chart_bins(found.max(axis=1), scores.right),
        },
        "baseline": {
            "n": scores.n,
            "class": names[commonest],
            "accuracy": float(support[commonest] / scores.n),
        },
        "notes": class_notes(names, support),
        "rank_resamples": scores.rank_resamples,
    }


def _multi_label(
    found: Floats,
    positive: npt.NDArray[np.bool_],
    thresholds: Floats,
    names: tuple[str, ...],
    options: dict[str, int],
) -> dict[str, Any]:
    scores = MultiLabel(found, positive, thresholds, **options)
    support = positive.sum(axis=0)
    guess = support[support > 0] / scores.n  # the average precision of a constant score
    return {
        "metrics": _plain(scores.metrics()),
        "per_class": scores.per_class(names),
        "confusion_matrix": [],
        "curves": scores.ranked.curves(names),
        "calibration": None,
        "baseline": {
            "n": scores.n,
            "mean_average_precision": float(guess.mean()) if guess.size else None,
        },
        "notes": class_notes(names, support),
        "rank_resamples": scores.rank_resamples,
    }


def _regression(predictions: Floats, targets: Floats, options: dict[str, int]) -> dict[str, Any]:
    n = check_same_length("judge", outputs=predictions, targets=targets)
    check_finite("judge", outputs=predictions, targets=targets)
    middle = float(np.median(targets))
    return {
        "metrics": _plain(regression(predictions, targets, **options)),
        "per_class": [],
        "confusion_matrix": [],
        "curves": {"predicted_against_true": _scatter(predictions, targets)},
        "calibration": None,
        "baseline": {"n": n, "mean_absolute_error": float(np.abs(targets - middle).mean())},
        "notes": [],
    }


def _scatter(predictions: Floats, targets: Floats) -> dict[str, list[float]]:
    """Up to SCATTER points, spread evenly over the images."""
    some = slice(None, None, -(-len(targets) // SCATTER))
    return {"x": targets[some].tolist(), "y": predictions[some].tolist()}


def _plain(metrics: dict[str, Estimate]) -> dict[str, dict[str, float | int | None]]:
    return {name: estimate.to_json() for name, estimate in metrics.items()}
