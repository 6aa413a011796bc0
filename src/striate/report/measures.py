"""What each measure is called, how it is written, and what it says in plain language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from striate.report.words import finite, number, percent

Unit = Literal["fraction", "score", "number"]  # shown in percent | 0 to 1 | in the target's unit


@dataclass(frozen=True)
class Measure:
    """A row of the table of measures; `better` says in which direction."""

    key: str
    title: str
    unit: Unit
    better: Literal["high", "low"]
    plain: str

    def show(self, value: float | None) -> str:
        """The value as it is written for people."""
        if self.unit == "fraction":
            return percent(value)
        if value is None:
            return "–"
        if self.unit == "score":
            return f"{value:.3f}"
        return number(value if abs(value) >= 1000 else float(f"{value:.3g}"))

    def end(self, value: float) -> str:
        """A round value at the end of an axis."""
        return percent(value) if self.unit == "fraction" else number(value)

    def interval(self, estimate: Mapping[str, Any]) -> str:
        """`96.2–99.4 %`, or nothing when the interval is not known."""
        low, high = finite(estimate.get("low")), finite(estimate.get("high"))
        if low is None or high is None:
            return ""
        first, last = self.show(low), self.show(high)
        if self.unit == "fraction":
            first = percent(low, trim=False)[:-2]  # one per-cent sign is enough
            last = percent(high, trim=False)
        return f"{first} to {last}" if low < 0 else f"{first}–{last}"


_ROWS = (
    Measure("accuracy", "Accuracy", "fraction", "high",
            "Share of the test images that were given their true class."),
    Measure("balanced_accuracy", "Balanced accuracy", "fraction", "high",
            "Accuracy where every class counts the same, however few images it has."),
    Measure("top5_accuracy", "Top-5 accuracy", "fraction", "high",
            "Share of images whose true class is among the five most probable answers."),
    Measure("macro_f1", "Macro F1", "score", "high",
            "F1 balances missed images against false alarms in one class; this is its plain "
            "average over classes. 1 is perfect."),
    Measure("micro_f1", "Micro F1", "score", "high",
            "F1 over all label decisions pooled, so frequent labels weigh more. 1 is perfect."),
    Measure("macro_auc", "Macro AUC", "score", "high",
            "How often an image of a class scores higher for it than an image of another class, "
            "averaged over classes. 0.5 is guessing, 1 is perfect."),
    Measure("mean_average_precision", "Mean average precision", "fraction", "high",
            "How purely each label’s images come first when all are ranked by its score, averaged "
            "over labels."),
    Measure("exact_match", "Exact match", "fraction", "high",
            "Share of images whose labels are all right: none missed, none too many."),
    Measure("hamming_loss", "Hamming loss", "fraction", "low",
            "Share of single yes-or-no label decisions that are wrong."),
    Measure("negative_log_likelihood", "Log loss", "number", "low",
            "Surprise at the true class (negative log-likelihood): confident mistakes cost most. "
            "0 is perfect."),
    Measure("brier_score", "Brier score", "number", "low",
            "Squared distance between the stated probabilities and what was true. 0 is perfect."),
    Measure("calibration_error", "Calibration error", "fraction", "low",
            "How far stated confidence is from the share that is right, after temperature "
            "scaling and corrected for its bias."),
    Measure("calibration_error_uncalibrated", "Calibration error before", "fraction", "low",
            "The same before temperature scaling: the raw network."),
    Measure("mean_absolute_error", "Mean absolute error", "number", "low",
            "How far the answers are from the truth on average, in the target’s own unit."),
    Measure("root_mean_squared_error", "Root mean squared error", "number", "low",
            "Typical error in the target’s unit; large errors weigh more."),
    Measure("r2", "R²", "score", "high",
            "Share of the target’s variation that is explained. 0 is no better than always "
            "answering the mean, 1 is perfect."),
    Measure("spearman", "Rank correlation", "score", "high",
            "Whether higher answers go with higher truths (Spearman). 1 is the same order."),
    Measure("precision", "Precision", "fraction", "high",
            "Of the images given this class, the share that truly have it."),
    Measure("recall", "Recall", "fraction", "high",
            "Of the images that truly have this class, the share that was found."),
    Measure("f1", "F1", "score", "high",
            "One number for precision and recall together; it is high only when both are."),
    Measure("auc", "AUC", "score", "high",
            "How often an image of this class scores higher for it than an image of another."),
    Measure("average_precision", "Average precision", "fraction", "high",
            "Precision averaged over all the places to draw the line."),
)  # fmt: skip

MEASURES = {row.key: row for row in _ROWS}


def measure(key: str) -> Measure:
    """The row for a key; an unknown measure is shown plainly under its own name.

    >>> measure("val_accuracy").title, measure("pixel_error").title
    ('Accuracy', 'Pixel error')
    """
    key = key.removeprefix("val_").removeprefix("train_")
    title = key.replace("_", " ").capitalize()
    return MEASURES.get(key) or Measure(key, title, "number", "low", "")


def estimates(metrics: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The metrics that have a finite value: those of the table in its order, then all others."""
    known = {
        name: dict(each)
        for name, each in (metrics or {}).items()
        if isinstance(each, Mapping) and finite(each.get("value")) is not None
    }
    order = [*(key for key in MEASURES if key in known), *(k for k in known if k not in MEASURES)]
    return {key: known[key] for key in order}
