"""What a report says first: the result in sentences that claim no more than was shown."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from striate.metrics._words import counted, percent, percent_range
from striate.metrics.intervals import wilson

Task = Literal["single_label", "multi_label", "regression"]
FEW_IMAGES = 100
FEW_OF_CLASS = 5


def verdict(task: Task, judged: Mapping[str, Any]) -> str:
    """The result of `judge` in words: how good, where weak, better than a guess, on how much.

    Args:
        task: the kind of task that was judged.
        judged: what `judge` returned.
    """
    tell = {
        "single_label": _single_label,
        "multi_label": _multi_label,
        "regression": _regression,
    }[task]
    n = judged["baseline"]["n"]
    return " ".join(s for s in [*tell(judged), _few(n), *judged["notes"]] if s)


def _few(n: int) -> str:
    if n >= FEW_IMAGES:
        return ""
    return (
        f"The test part is small ({counted(n, 'image')}): the intervals are wide, and rightly so."
    )


def _single_label(judged: Mapping[str, Any]) -> list[str]:
    accuracy = judged["metrics"]["accuracy"]
    n = accuracy["n"]
    right = round(accuracy["value"] * n)
    of = f"all {n:,}" if right == n and n > 1 else f"{right:,} of {n:,}"
    first = (
        f"Right on {of} test image{'' if n == 1 else 's'}: {percent(accuracy['value'])} "
        f"({percent_range(accuracy)}, 95 % interval)."
    )
    return [first, _weakest(judged), _against_guessing(judged)]


def _weakest(judged: Mapping[str, Any]) -> str:
    """The class with the lowest recall, of those with 5 images or more where there are any."""
    shown = [row for row in judged["per_class"] if row["support"]]
    enough = [row for row in shown if row["support"] >= FEW_OF_CLASS] or shown
    weakest = min(enough, key=lambda row: (row["recall"]["value"], -row["support"]))
    if weakest["recall"]["value"] == 1 or len(shown) < 2:
        return ""
    names = [row["class"] for row in judged["per_class"]]
    answers = np.array(judged["confusion_matrix"][names.index(weakest["class"])])
    answers[names.index(weakest["class"])] = 0
    mistaken = names[int(answers.argmax())]
    often = ", most often mistaken for" if answers.sum() > 1 else ", mistaken for"
    return (
        f"Weakest class: {weakest['class']} (recall {percent(weakest['recall']['value'], 0)}, "
        f"{counted(weakest['support'], 'image')}){often} {mistaken}."
    )


def _against_guessing(judged: Mapping[str, Any]) -> str:
    guess, low = judged["baseline"], judged["metrics"]["accuracy"]["low"]
    if guess["accuracy"] == 1:
        return f"Every test image is of class {guess['class']}: this says nothing about the others."
    said = (
        f"Always guessing the commonest class, {guess['class']}, "
        f"would be right on {percent(guess['accuracy'])}"
    )
    if low > guess["accuracy"]:
        return f"{said}."
    return f"{said}: the network is not shown to be better than that."


def _multi_label(judged: Mapping[str, Any]) -> list[str]:
    precision, exact = (judged["metrics"][k] for k in ("mean_average_precision", "exact_match"))
    all_right = round(exact["value"] * exact["n"])
    sentences = [
        f"All labels right on {all_right:,} of {counted(exact['n'], 'test image')}: "
        f"{percent(exact['value'])} ({percent_range(exact)}, 95 % interval)."
    ]
    if precision["value"] is None:
        return [*sentences, "No test image carries any label, so the labels cannot be judged."]
    guess = judged["baseline"]["mean_average_precision"]
    sentences.append(
        f"Mean average precision {percent(precision['value'])} ({percent_range(precision)}); "
        f"guessing would give {percent(guess)}."
    )
    rows = [row for row in judged["per_class"] if row["average_precision"]]
    weakest = min(rows, key=lambda row: row["average_precision"]["value"])
    if len(rows) > 1 and weakest["average_precision"]["value"] < 1:
        sentences.append(
            f"Weakest label: {weakest['class']} (average precision "
            f"{percent(weakest['average_precision']['value'], 0)}, "
            f"{counted(weakest['support'], 'image')})."
        )
    return sentences


def _regression(judged: Mapping[str, Any]) -> list[str]:
    error, r2 = judged["metrics"]["mean_absolute_error"], judged["metrics"]["r2"]
    guess = judged["baseline"]["mean_absolute_error"]
    first = (
        f"Off by {error['value']:.3g} on average ({error['low']:.3g}–{error['high']:.3g}, "
        f"95 % interval) on {counted(error['n'], 'test image')}."
    )
    against = f"Always answering the middle value would be off by {guess:.3g}"
    if error["high"] >= guess:
        against += ": the network is not shown to be better than that"
    if r2["value"] is None:
        explained = "All targets are equal, so there is no variance to explain."
    elif r2["value"] <= 0:
        explained = "It explains none of the variance."
    else:
        explained = f"It explains {percent(r2['value'], 0)} of the variance."
    return [first, f"{against}.", explained]


def class_notes(classes: tuple[str, ...], support: Any) -> list[str]:
    """Sentences on classes that cannot be judged, or hardly."""
    absent = [name for name, n in zip(classes, support, strict=True) if n == 0]
    rare = [name for name, n in zip(classes, support, strict=True) if 0 < n < FEW_OF_CLASS]
    notes = []
    if absent:
        left_out = "it is" if len(absent) == 1 else "they are"
        notes.append(f"No test image shows {_listed(absent)}: {left_out} left out of the averages.")
    if rare:
        most = wilson(0, FEW_OF_CLASS - 1).high or 1.0
        notes.append(
            f"Fewer than {FEW_OF_CLASS} test images show {_listed(rare)}: "
            f"a recall of 0 % there could still be {percent(most, 0)}."
        )
    return notes


def _listed(names: list[str], limit: int = 5) -> str:
    shown = names[:limit]
    if len(names) > limit:
        return f"{', '.join(shown)} and {len(names) - limit} more"
    return " or ".join(shown) if len(shown) < 3 else f"{', '.join(shown[:-1])} or {shown[-1]}"
