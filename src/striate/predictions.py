"""What a model says of images, by name."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Task = Literal["single_label", "multi_label", "regression"]


@dataclass(frozen=True)
class Prediction:
    """One image's answer.

    Args:
        id: the file's path as it was given, or the image's number.
        label: the most probable class; the classes above one half, joined by "|", where an image
            can have several; the value where a number is predicted.
        probability: of that label, 0..1; None for a number and for an image with several labels.
        probabilities: class name to probability, most probable first; empty for a number.
    """

    id: str
    label: str | float
    probability: float | None
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be read as an image, and why."""

    id: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Predictions:
    """The answers for several images, in the order they were given; a sequence of `Prediction`.

    Args:
        values: [n, classes] probabilities (float64), or [n] predicted numbers.
        unreadable: the files that were left out.
    """

    task: Task
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    values: NDArray[np.float64]
    unreadable: tuple[Unreadable, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Prediction:
        if self.task == "regression":
            return Prediction(self.ids[index], float(self.values[index]), None, {})
        row = self.values[index]
        order = np.argsort(-row, kind="stable")
        named = {self.classes[k]: float(row[k]) for k in order}
        if self.task == "multi_label":
            label = "|".join(name for name, p in named.items() if p >= 0.5)
            return Prediction(self.ids[index], label, None, named)
        best = self.classes[order[0]]
        return Prediction(self.ids[index], best, named[best], named)

    def __iter__(self) -> Iterator[Prediction]:
        return (self[index] for index in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=copy)

    @property
    def labels(self) -> list[str | float]:
        """The label (or number) of each image."""
        return [prediction.label for prediction in self]

    def to_json(self, top: int | None = None) -> dict[str, Any]:
        """Plain values: the `top` most probable classes of each image (all of them if None), and
        what was unreadable."""
        rows: list[dict[str, Any]] = []
        for prediction in self:
            row: dict[str, Any] = {"path": prediction.id, "label": prediction.label}
            if self.task != "regression":
                named = list(prediction.probabilities.items())[:top]
                row |= {"probability": prediction.probability, "probabilities": dict(named)}
            rows.append(row)
        left_out = [
            {"path": file.id, "reason": file.reason, "detail": file.detail}
            for file in self.unreadable
        ]
        return {"predictions": rows, "unreadable": left_out}

    def __repr__(self) -> str:
        lines = [
            f"{p.id}: {p.label}" + (f" ({p.probability:.1%})" if p.probability is not None else "")
            for p in list(self)[:10]
        ]
        lines += [f"… {len(self) - 10} more"] * (len(self) > 10)
        lines += [f"{file.id}: unreadable ({file.reason})" for file in self.unreadable[:10]]
        return "\n".join(lines) or "no images"
